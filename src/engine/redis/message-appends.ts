/** Sends messages in Redis, and reads the outcomes of earlier sends. */
import type { Clock } from '../../clock.ts';
import { lengthOf } from '../../code-points.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, MessageId, Retention, TenantId } from '../../model.ts';
import type { Append, CurrentTrace, Diversion, Earlier, MessageStore, NewMessage, WritingStore } from '../port.ts';
import { conversationKey } from '../shared/message-id.ts';
import { partsOf, writerKey } from '../shared/written-text.ts';
import { nonce } from './attempt.ts';
import { asJsonText, decodeMessage, encodeMessage } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import type { ListUpdates } from './list-updates.ts';
import { locate } from './located.ts';
import type { Memberships, Unsettled } from './memberships.ts';
import { retentionArg } from './retention.ts';
import type { RunScript } from './scripts.ts';
import type { RedisWritings } from './writings.ts';

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

/** The sequence and id of the reply target; sequence 0 when it belongs to another conversation. */
function replyTarget(keys: Keys, tenant: TenantId, within: ConversationId, id: MessageId | null): (string | number)[] {
  if (id === null) return ['', ''];
  const at = locate(keys, tenant, id);
  return [at?.meta === keys.conversation(tenant, within).meta ? at.sequence : 0, id];
}

/** Further arguments of `append-message` for a streamed message. */
function writingArgs(message: NewMessage, isHeld: boolean): (string | number)[] {
  const { content } = message;
  const caps = [LIMITS.writingsPerSender, LIMITS.writingsPerConversation];
  const parts = partsOf(0, content).map((part) => asJsonText(part.text));
  const { writtenPartCharacters: perPart } = LIMITS;
  return [lengthOf(content), isHeld ? '1' : '0', perPart, TIMES.writingMs, ...caps, writerKey(message), ...parts];
}

export interface MessageAppendOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly currentTrace: CurrentTrace;
  readonly memberships: Memberships;
  readonly writings: RedisWritings;
  readonly updates: ListUpdates;
  readonly outbox: EventOutbox;
}

export function createMessageAppends(
  run: RunScript,
  keys: Keys,
  { clock, retention, currentTrace, memberships, writings, updates, outbox: events }: MessageAppendOptions,
): Pick<MessageStore, 'appendMessage' | 'findSent' | 'noteDiverted'> & Pick<WritingStore, 'startMessage'> {
  /** Adds the text so far to a message that is being written. */
  async function shown<Result extends Started | Earlier>(tenant: TenantId, result: Result): Promise<Result> {
    if (!('message' in result) || result.message.state !== 'STREAMING' || result.outcome === 'appended') return result;
    const [message] = await writings.fill(tenant, [result.message]);
    return { ...result, message };
  }

  async function append(tenant: TenantId, message: NewMessage, isHeld: boolean | null): Promise<Started> {
    const { conversationId, senderId, key } = message;
    const at = keys.conversation(tenant, conversationId);
    const { meta, members, messages, log, typing, outbox, channel, streams, texts, stops } = at;
    const { head, content } = encodeMessage(isHeld === null ? message : { ...message, content: '' });
    const replyTo = replyTarget(keys, tenant, conversationId, message.replyToId);
    const idempotency = keys.idempotency(tenant, conversationId, senderId, key?.id ?? '');
    const more = isHeld === null ? [] : [streams, texts, stops];
    const storedAt = [meta, members, messages, log, idempotency, typing, outbox, channel, ...more];
    const args = (): (string | number)[] => [
      clock.offset(),
      retentionArg(retention, clock),
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
    ];
    const store = (): Promise<unknown> => events.run(tenant, at.events, 'append-message', storedAt, args());
    const answer = (await updates.during(tenant, conversationId, store, (stored) =>
      (stored as unknown[])[0] === 'appended' ? 'all' : null,
    )) as unknown[];
    const appended = toAppend(answer);
    if ('message' in appended) memberships.notice(tenant, conversationId, (answer[2] as Unsettled | undefined) ?? []);
    if (answer[3] === 1 && 'message' in appended) await writings.tellStop(tenant, appended.message);
    return shown(tenant, appended);
  }

  return {
    // `full` is possible for streamed messages only.
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
  };
}
