/**
 * Whether streamed text is held back for the rules. A rule that is saved while a message is written holds the text back
 * from the next append on.
 *
 * Each append must know whether rules apply, so the conversation and sender of each message are cached. For a tenant
 * without rules this is one map lookup.
 */
import { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, ConversationKind, MessageId, TenantId, Viewer } from '../model.ts';
import type { Routing } from './routing.ts';

/**
 * Whether the text of a message that the viewer writes is held back; false when there is no such message. Synchronous if
 * no rule matches messages.
 */
export type IsTextHeldBack = (viewer: Viewer, id: MessageId) => boolean | Promise<boolean>;

interface Destination {
  readonly topic: ConversationId;
  readonly kind: ConversationKind;
}

export function createIsTextHeldBack(engine: Engine, routing: Routing): IsTextHeldBack {
  // Conversation and sender never change while the message exists.
  const destinations = new LRUCache<string, Destination>({ max: LIMITS.rememberedWritings });

  async function destinationOf(tenant: TenantId, id: MessageId): Promise<Destination | null> {
    const key = JSON.stringify([tenant, id]);
    const known = destinations.get(key);
    if (known) return known;
    const [message] = await engine.readMessages(tenant, [id]);
    const [conversation] = message ? await engine.readConversations(tenant, [message.conversationId]) : [];
    if (!conversation) return null;
    const destination = { topic: conversation.id, kind: conversation.kind };
    destinations.set(key, destination);
    return destination;
  }

  async function ask({ tenant, userId: sender }: Viewer, id: MessageId, mayBe: true | Promise<boolean>) {
    const destination = (await mayBe) && (await destinationOf(tenant, id));
    return destination ? routing.mayDivert(tenant, { ...destination, sender, content: '', payload: null }) : false;
  }

  return (viewer, id) => {
    const mayBe = routing.concerns(viewer.tenant, ['DIRECT', 'GROUP', 'ROOM']);
    return mayBe === false ? false : ask(viewer, id, mayBe);
  };
}
