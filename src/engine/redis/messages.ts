/** Messages and the log of their changes in Redis. */
import type { Clock } from '../../clock.ts';
import { lengthOf } from '../../code-points.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, MessageChange, MessageId, MessageRecord, Retention, TenantId } from '../../model.ts';
import type {
  Append,
  CurrentTrace,
  Diversion,
  Earlier,
  LogEntry,
  MessageEdit,
  MessageStore,
  NewMessage,
  WritingStore,
} from '../port.ts';
import { judgePosition, type Lineage } from '../shared/lineage.ts';
import { conversationKey, parseMessageId } from '../shared/message-id.ts';
import { partsOf, writerKey } from '../shared/written-text.ts';
import { attempt, nonce } from './attempt.ts';
import type { RedisClient } from './client.ts';
import { asJsonText, decodeMessage, encodeContent, encodeMessage, fragment } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { ConversationKeys, Keys } from './keys.ts';
import type { ListUpdates } from './list-updates.ts';
import type { Memberships, Unsettled } from './memberships.ts';
import { retentionArg } from './retention.ts';
import type { RunScript } from './scripts.ts';
import type { RedisWritings } from './writings.ts';

interface Located extends ConversationKeys {
  readonly sequence: number;
}

type ReadLog = [unsettled: Unsettled, lineage?: string, head?: string, epoch?: string, floor?: string, ...unknown[]];

function toEdit(answer: unknown): MessageEdit {
  const [outcome, value] = answer as [string, string];
  if (outcome === 'changed' || outcome === 'unchanged') return { outcome, message: decodeMessage(value) };
  return { outcome: outcome as 'not-found' | 'deleted' | 'full' | 'being-written' };
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

type Started = Awaited<ReturnType<WritingStore['startMessage']>>;

function toAppend(answer: readonly unknown[]): Started {
  const [outcome, value] = answer;
  if (outcome === 'full') return { outcome };
  if (outcome === 'not-member' || outcome === 'no-reply-target') return { outcome };
  return outcome === 'appended' ? { outcome, message: decodeMessage(value) } : toEarlier(answer);
}

export interface MessageOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly currentTrace: CurrentTrace;
  readonly memberships: Memberships;
  readonly writings: RedisWritings;
  readonly updates: ListUpdates;
  readonly outbox: EventOutbox;
}

export function createMessages(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  { clock, retention, currentTrace, memberships, writings, updates, outbox: events }: MessageOptions,
): MessageStore & Pick<WritingStore, 'startMessage'> {
  const keptMessages = (): string => retentionArg(retention, clock);
  const isOld = ({ timestamp }: MessageRecord): boolean =>
    retention !== null && typeof retention === 'object' && timestamp <= clock.now() - retention.ageMs;

  function locate(tenant: TenantId, id: MessageId): Located | null {
    const parts = parseMessageId(id);
    if (!parts) return null;
    return { ...keys.conversationByKey(tenant, parts.conversationKey), sequence: parts.sequence };
  }

  /** Where a message that is replied to is, and its id; sequence 0 when it is of another conversation. */
  function replyTarget(tenant: TenantId, within: ConversationId, id: MessageId | null): (string | number)[] {
    if (id === null) return ['', ''];
    const at = locate(tenant, id);
    return [at?.meta === keys.conversation(tenant, within).meta ? at.sequence : 0, id];
  }

  const changeKeys = ({ meta, messages, log, channel, streams, texts }: ConversationKeys): string[] => [
    meta,
    messages,
    log,
    channel,
    streams,
    texts,
  ];

  /** The message with its text so far, where it is being written. */
  async function shown<Result extends Started | Earlier>(tenant: TenantId, result: Result): Promise<Result> {
    if (!('message' in result) || result.message.state !== 'STREAMING' || result.outcome === 'appended') return result;
    const [message] = await writings.fill(tenant, [result.message]);
    return { ...result, message };
  }

  /** The further arguments of `append-message` for a message that is written while it is read. */
  function writingArgs(message: NewMessage, isHeld: boolean): (string | number)[] {
    const { content } = message;
    const caps = [LIMITS.writingsPerSender, LIMITS.writingsPerConversation];
    const parts = partsOf(0, content).map((part) => asJsonText(part.text));
    const { writtenPartCharacters: perPart } = LIMITS;
    return [lengthOf(content), isHeld ? '1' : '0', perPart, TIMES.writingMs, ...caps, writerKey(message), ...parts];
  }

  async function append(tenant: TenantId, message: NewMessage, isHeld: boolean | null): Promise<Started> {
    const { conversationId, senderId, key } = message;
    const at = keys.conversation(tenant, conversationId);
    const { meta, members, messages, log, typing, outbox, channel, streams, texts, stops } = at;
    const { head, content } = encodeMessage(isHeld === null ? message : { ...message, content: '' });
    const replyTo = replyTarget(tenant, conversationId, message.replyToId);
    const idempotency = keys.idempotency(tenant, conversationId, senderId, key?.id ?? '');
    const store = (): Promise<unknown> =>
      events.run(
        tenant,
        at.events,
        'append-message',
        [
          meta,
          members,
          messages,
          log,
          idempotency,
          typing,
          outbox,
          channel,
          ...(isHeld === null ? [] : [streams, texts, stops]),
        ],
        [
          clock.offset(),
          keptMessages(),
          senderId,
          conversationKey(conversationId),
          nonce(),
          head,
          isHeld === null ? content : `${content},"state":"STREAMING"`,
          key ? TIMES.idempotencyMs : '',
          key?.digest ?? '',
          currentTrace(),
          ...replyTo,
          ...(isHeld === null ? [] : writingArgs(message, isHeld)),
        ],
      );
    const answer = (await updates.during(tenant, conversationId, store, (stored) =>
      (stored as unknown[])[0] === 'appended' ? 'all' : null,
    )) as unknown[];
    const appended = toAppend(answer);
    if ('message' in appended) memberships.notice(tenant, conversationId, (answer[2] as Unsettled | undefined) ?? []);
    return shown(tenant, appended);
  }

  async function change(
    tenant: TenantId,
    id: MessageId,
    kind: Extract<MessageChange, 'EDITED' | 'DELETED'>,
    content: string,
  ): Promise<MessageEdit> {
    const at = locate(tenant, id);
    if (!at) return { outcome: 'not-found' };
    const args = [clock.offset(), keptMessages(), at.sequence, id, nonce(), kind, content, currentTrace()];
    const all = [...args, LIMITS.writtenPartCharacters];
    return toEdit(await events.run(tenant, at.events, 'change-message', changeKeys(at), all));
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
    const args = [keptMessages(), at.sequence, id, nonce(), verb, userId, emoji, ...caps, currentTrace()];
    const all = [...args, LIMITS.writtenPartCharacters];
    return toEdit(await events.run(tenant, at.events, 'react', changeKeys(at), all));
  }

  return {
    // Only one that is started can be refused for want of room.
    appendMessage: (tenant, message) => append(tenant, message, null) as Promise<Append>,
    startMessage: (tenant, message) => append(tenant, message, message.isHeld),

    async findSent(tenant, { conversationId, senderId, key }) {
      const { messages } = keys.conversation(tenant, conversationId);
      const idempotency = keys.idempotency(tenant, conversationId, senderId, key.id);
      const answer = await run('read-sent', [messages, idempotency], [clock.offset(), key.digest]);
      return answer === null ? null : shown(tenant, toEarlier(answer as unknown[]));
    },

    async noteDiverted(tenant, { conversationId, senderId, key }, { fate, messageId }) {
      const { messages } = keys.conversation(tenant, conversationId);
      const idempotency = keys.idempotency(tenant, conversationId, senderId, key.id);
      const args = [clock.offset(), key.digest, fate, messageId ?? '', TIMES.idempotencyMs];
      await run('note-diverted', [messages, idempotency], args);
    },

    editMessage: (tenant, id, content, payload) => change(tenant, id, 'EDITED', encodeContent(content, payload)),
    deleteMessage: (tenant, id, by) => change(tenant, id, 'DELETED', fragment(by === null ? {} : { deletedBy: by })),
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
      const found = values.map((value, index) => {
        const message = value ? decodeMessage(value) : null;
        return message?.id === ids[index] && message && !isOld(message) ? message : null;
      });
      return writings.fill(tenant, found);
    },

    async listMessages(tenant, id, { after, before, limit, from }) {
      const { meta, messages, log } = keys.conversation(tenant, id);
      const args = [after, before ?? '', limit, from, keptMessages(), LIMITS.readingBytes];
      const answer = await run('list-messages', [meta, messages, log], args);
      const [first, last, isPart, ...values] = answer as [string, string, string, ...(string | null)[]];
      const found = values.flatMap((value) => (value ? [decodeMessage(value)] : []));
      return {
        messages: await writings.fill(tenant, from === 'first' ? found : found.reverse()),
        firstSequence: Number(first),
        lastSequence: Number(last),
        isPart: isPart === '1',
      };
    },

    async readLog(tenant, id: ConversationId, after, limit) {
      const { meta, messages, log, outbox } = keys.conversation(tenant, id);
      const answer = await run(
        'read-log',
        [meta, messages, log, outbox],
        [after.place, limit, keptMessages(), LIMITS.readingBytes],
      );
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
      const read = rows as [string, string, string, string | null][];
      const messagesNow = await writings.fill(
        tenant,
        read.map((row) => (row[3] === null ? null : decodeMessage(row[3]))),
      );
      const entries = read.map((row, index): LogEntry => {
        const position = { place: Number(row[0]), epoch: row[2] };
        const stored = messagesNow[index] ?? null;
        return {
          ...position,
          change: row[1] as MessageChange,
          message: stored && { ...stored, position },
          isLast: stored?.position.place === position.place,
        };
      });
      const isWhole = (entries.at(-1)?.place ?? place) >= place;
      return { outcome: 'read', entries, isWhole, head: { epoch, place } };
    },
  };
}
