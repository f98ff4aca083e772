/** Messages and the log of their changes in Redis. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, MessageChange, MessageId, TenantId } from '../../model.ts';
import { judgePosition, type Lineage } from '../lineage.ts';
import { conversationKey, parseMessageId } from '../message-id.ts';
import type { Append, CurrentTrace, Diversion, Earlier, LogEntry, MessageEdit, MessageStore } from '../port.ts';
import type { RedisClient } from './client.ts';
import { decodeMessage, encodeContent, encodeMessage } from './codec.ts';
import { attempt, nonce } from './conversations.ts';
import type { ConversationKeys, Keys } from './keys.ts';
import type { Memberships, Unsettled } from './memberships.ts';
import type { RunScript } from './scripts.ts';

interface Located extends ConversationKeys {
  readonly sequence: number;
}

type ReadLog = [unsettled: Unsettled, lineage?: string, head?: string, epoch?: string, floor?: string, ...unknown[]];

function toEdit(answer: unknown): MessageEdit {
  const [outcome, value] = answer as [string, string];
  if (outcome === 'changed' || outcome === 'unchanged') return { outcome, message: decodeMessage(value) };
  return { outcome: outcome as 'not-found' | 'deleted' | 'full' };
}

function toEarlier([outcome, value, id]: readonly unknown[]): Earlier {
  switch (outcome) {
    case 'duplicate':
      return { outcome, message: decodeMessage(value) };
    case 'diverted':
      return { outcome, fate: value as Diversion['fate'], messageId: (id || null) as MessageId | null };
    default:
      return { outcome: outcome as 'no-longer-kept' | 'conflict' };
  }
}

function toAppend(answer: readonly unknown[]): Append {
  const [outcome, value] = answer;
  if (outcome === 'not-member' || outcome === 'no-reply-target') return { outcome };
  return outcome === 'appended' ? { outcome, message: decodeMessage(value) } : toEarlier(answer);
}

export interface MessageOptions {
  readonly clock: Clock;
  /** Messages kept per conversation; null: all. */
  readonly retention: number | null;
  readonly currentTrace: CurrentTrace;
  readonly memberships: Memberships;
}

export function createMessages(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  { clock, retention, currentTrace, memberships }: MessageOptions,
): MessageStore {
  const kept = retention ?? 0;

  function locate(tenant: TenantId, id: MessageId): Located | null {
    const parts = parseMessageId(id);
    if (!parts) return null;
    return { ...keys.conversationByKey(tenant, parts.conversationKey), sequence: parts.sequence };
  }

  /** Where a message that is replied to is, and its id; sequence 0 when it is of another conversation. */
  function replyTarget(tenant: TenantId, within: ConversationId, id: MessageId | null): (string | number)[] {
    if (id === null) return [];
    const at = locate(tenant, id);
    return [at?.meta === keys.conversation(tenant, within).meta ? at.sequence : 0, id];
  }

  async function change(
    tenant: TenantId,
    id: MessageId,
    kind: Extract<MessageChange, 'EDITED' | 'DELETED'>,
    content: string,
  ): Promise<MessageEdit> {
    const at = locate(tenant, id);
    if (!at) return { outcome: 'not-found' };
    const args = [clock.offset(), kept, at.sequence, id, nonce(), kind, content, currentTrace()];
    return toEdit(await run('change-message', [at.meta, at.messages, at.log, at.channel], args));
  }

  async function react(
    tenant: TenantId,
    id: MessageId,
    verb: 'add' | 'remove',
    userId: string,
    emoji: string,
  ): Promise<MessageEdit> {
    const at = locate(tenant, id);
    if (!at) return { outcome: 'not-found' };
    const caps = [LIMITS.emojisPerUserAndMessage, LIMITS.emojisPerMessage, LIMITS.reactionsPerMessage];
    const args = [kept, at.sequence, id, nonce(), verb, userId, emoji, ...caps, currentTrace()];
    return toEdit(await run('react', [at.meta, at.messages, at.log, at.channel], args));
  }

  return {
    async appendMessage(tenant, message) {
      const { conversationId, senderId, key } = message;
      const { meta, members, messages, log, typing, outbox, channel } = keys.conversation(tenant, conversationId);
      const { head, content } = encodeMessage(message);
      const replyTo = replyTarget(tenant, conversationId, message.replyToId);
      const idempotency = keys.idempotency(tenant, conversationId, senderId, key?.id ?? '');
      const answer = (await run(
        'append-message',
        [meta, members, messages, log, idempotency, typing, outbox, channel],
        [
          clock.offset(),
          kept,
          senderId,
          conversationKey(conversationId),
          nonce(),
          head,
          content,
          key ? TIMES.idempotencyMs : '',
          key?.digest ?? '',
          currentTrace(),
          ...replyTo,
        ],
      )) as unknown[];
      const append = toAppend(answer);
      if ('message' in append) memberships.notice(tenant, conversationId, (answer[2] as Unsettled | undefined) ?? []);
      return append;
    },

    async findSent(tenant, { conversationId, senderId, key }) {
      const { messages } = keys.conversation(tenant, conversationId);
      const idempotency = keys.idempotency(tenant, conversationId, senderId, key.id);
      const answer = await run('read-sent', [messages, idempotency], [clock.offset(), key.digest]);
      return answer === null ? null : toEarlier(answer as unknown[]);
    },

    async noteDiverted(tenant, { conversationId, senderId, key }, { fate, messageId }) {
      const { messages } = keys.conversation(tenant, conversationId);
      const idempotency = keys.idempotency(tenant, conversationId, senderId, key.id);
      const args = [clock.offset(), key.digest, fate, messageId ?? '', TIMES.idempotencyMs];
      await run('note-diverted', [messages, idempotency], args);
    },

    editMessage: (tenant, id, content, payload) => change(tenant, id, 'EDITED', encodeContent(content, payload)),
    deleteMessage: (tenant, id) => change(tenant, id, 'DELETED', ''),
    addReaction: (tenant, id, userId, emoji) => react(tenant, id, 'add', userId, emoji),
    removeReaction: (tenant, id, userId, emoji) => react(tenant, id, 'remove', userId, emoji),

    async readMessages(tenant, ids) {
      const values = await attempt(() =>
        Promise.all(
          ids.map((id) => {
            const at = locate(tenant, id);
            return at ? client.hget(at.messages, String(at.sequence)) : null;
          }),
        ),
      );
      return values.map((value, index) => {
        const message = value ? decodeMessage(value) : null;
        return message?.id === ids[index] ? message : null;
      });
    },

    async listMessages(tenant, id, { after, before, limit, from }) {
      const { meta, messages } = keys.conversation(tenant, id);
      const answer = await run('list-messages', [meta, messages], [after, before ?? '', limit, from]);
      const [first, last, ...values] = answer as [string, string, ...(string | null)[]];
      return {
        messages: values.flatMap((value) => (value ? [decodeMessage(value)] : [])),
        firstSequence: Number(first),
        lastSequence: Number(last),
      };
    },

    async readLog(tenant, id: ConversationId, after, limit) {
      const { meta, messages, log, outbox } = keys.conversation(tenant, id);
      const answer = await run('read-log', [meta, messages, log, outbox], [after.place, limit]);
      const [unsettled, lineage, head, epoch, floor, ...rows] = answer as ReadLog;
      if (lineage === undefined || epoch === undefined) return { outcome: 'not-found' };
      memberships.notice(tenant, id, unsettled);
      const place = Number(head);
      const reason = judgePosition(after, {
        lineage: JSON.parse(lineage) as Lineage,
        head: place,
        floor: Number(floor),
      });
      if (reason) return { outcome: 'expired', reason };
      const entries = (rows as [string, string, string, string | null][]).map((row): LogEntry => {
        const position = { place: Number(row[0]), epoch: row[2] };
        const stored = row[3] === null ? null : decodeMessage(row[3]);
        return {
          ...position,
          change: row[1] as MessageChange,
          message: stored && { ...stored, position },
          isLast: stored?.position.place === position.place,
        };
      });
      return { outcome: 'read', entries, head: { epoch, place } };
    },
  };
}
