/**
 * Whether what is being written is held: rules that are saved meanwhile hold what is added from then on.
 *
 * Rules are asked of each append, and a message has nothing of what they look at: where
 * it is, is remembered. A tenant without rules costs a look into a map.
 */
import { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, ConversationKind, MessageId, TenantId, Viewer } from '../model.ts';
import type { Routing } from './routing.ts';

/** Of a message that the viewer writes; false for one that is not there. At once, where no rule looks at messages. */
export type IsHeldNow = (viewer: Viewer, id: MessageId) => boolean | Promise<boolean>;

interface Place {
  readonly topic: ConversationId;
  readonly kind: ConversationKind;
}

export function createHolding(engine: Engine, routing: Routing): IsHeldNow {
  // Neither changes as long as the message is there.
  const places = new LRUCache<string, Place>({ max: LIMITS.rememberedWritings });

  async function placeOf(tenant: TenantId, id: MessageId): Promise<Place | null> {
    const key = JSON.stringify([tenant, id]);
    const known = places.get(key);
    if (known) return known;
    const [message] = await engine.readMessages(tenant, [id]);
    const [conversation] = message ? await engine.readConversations(tenant, [message.conversationId]) : [];
    if (!conversation) return null;
    const place = { topic: conversation.id, kind: conversation.kind };
    places.set(key, place);
    return place;
  }

  async function ask({ tenant, userId: sender }: Viewer, id: MessageId, mayBe: true | Promise<boolean>) {
    const place = (await mayBe) && (await placeOf(tenant, id));
    return place ? routing.mayDivert(tenant, { ...place, sender, content: '', payload: null }) : false;
  }

  return (viewer, id) => {
    const mayBe = routing.concerns(viewer.tenant, ['DIRECT', 'GROUP', 'ROOM']);
    return mayBe === false ? false : ask(viewer, id, mayBe);
  };
}
