/** Edits, deletes and reacts to messages in Redis. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { MessageChange, MessageId, Retention, TenantId } from '../../model.ts';
import type { CurrentTrace, MessageEdit, MessageStore } from '../port.ts';
import { nonce } from './attempt.ts';
import { decodeMessage, encodeContent, fragment } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import { locate } from './located.ts';
import { retentionArg } from './retention.ts';
import type { ConversationKeys } from './subject-keys.ts';

function toEdit(answer: unknown): MessageEdit {
  const [outcome, value] = answer as [string, string];
  if (outcome === 'changed' || outcome === 'unchanged') return { outcome, message: decodeMessage(value) };
  return { outcome: outcome as 'not-found' | 'deleted' | 'full' | 'being-written' };
}

const changeKeys = ({ meta, messages, log, channel, streams, texts }: ConversationKeys): string[] => [
  meta,
  messages,
  log,
  channel,
  streams,
  texts,
];

export interface MessageChangeOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly currentTrace: CurrentTrace;
  readonly outbox: EventOutbox;
}

export function createMessageChanges(
  keys: Keys,
  { clock, retention, currentTrace, outbox }: MessageChangeOptions,
): Pick<MessageStore, 'editMessage' | 'deleteMessage' | 'addReaction' | 'removeReaction'> {
  const keptMessages = (): string => retentionArg(retention, clock);
  async function change(
    tenant: TenantId,
    id: MessageId,
    kind: Extract<MessageChange, 'EDITED' | 'DELETED'>,
    content: string,
  ): Promise<MessageEdit> {
    const at = locate(keys, tenant, id);
    if (!at) return { outcome: 'not-found' };
    const args = [clock.offset(), keptMessages(), at.sequence, id, nonce(), kind, content, currentTrace()];
    const all = [...args, LIMITS.writtenPartCharacters];
    return toEdit(await outbox.run(tenant, at.events, 'change-message', changeKeys(at), all));
  }

  async function react(
    tenant: TenantId,
    id: MessageId,
    verb: 'add' | 'remove',
    userId: string,
    emoji: string,
  ): Promise<MessageEdit> {
    const at = locate(keys, tenant, id);
    if (!at) return { outcome: 'not-found' };
    const caps = [LIMITS.emojisPerUserAndMessage, LIMITS.emojisPerMessage, LIMITS.reactionsPerMessage];
    const args = [keptMessages(), at.sequence, id, nonce(), verb, userId, emoji, ...caps, currentTrace()];
    const all = [...args, LIMITS.writtenPartCharacters];
    return toEdit(await outbox.run(tenant, at.events, 'react', changeKeys(at), all));
  }

  return {
    editMessage: (tenant, id, content, payload) => change(tenant, id, 'EDITED', encodeContent(content, payload)),
    deleteMessage: (tenant, id, by) => change(tenant, id, 'DELETED', fragment(by === null ? {} : { deletedBy: by })),
    addReaction: (tenant, id, userId, emoji) => react(tenant, id, 'add', userId, emoji),
    removeReaction: (tenant, id, userId, emoji) => react(tenant, id, 'remove', userId, emoji),
  };
}
