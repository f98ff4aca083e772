/** Sends messages in Redis, and reads the outcomes of earlier sends. */
import { hash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { lengthOf } from '../../code-points.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, MessageId, Retention, TenantId, UserId } from '../../model.ts';
import type { Append, CurrentTrace, Earlier, MessageStore, NewMessage, WritingStore } from '../port.ts';
import { READ } from '../shared/closed.ts';
import { partsOf, writerKey } from '../shared/written-text.ts';
import { nonce } from './attempt.ts';
import { asJsonText, decodeMessage, encodeMessage, type SentId, sentMessage } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import type { ListUpdates } from './list-updates.ts';
import { locate } from './located.ts';
import type { MembershipNotes, Memberships } from './memberships.ts';
import { retentionArg } from './retention.ts';
import type { DataForm } from './schema.ts';
import type { RunScript } from './scripts.ts';
import type { RedisWritings } from './writings.ts';

function toEarlier([outcome, value, id]: readonly unknown[]): Earlier {
  switch (outcome) {
    case 'duplicate':
      return { outcome, message: decodeMessage(value) };
    case 'diverted':
      return { outcome, fate: READ.fate(String(value)), messageId: (id || null) as MessageId | null };
    default:
      return { outcome: outcome as 'no-longer-kept' | 'conflict' };
  }
}

type Started = Awaited<ReturnType<WritingStore['startMessage']>>;

/** The outcome, and notes of members that are not in the lists yet. */
type Appended = readonly [appended: Started, unapplied: MembershipNotes];

function toAppended(answer: readonly unknown[], message: NewMessage, id: SentId): Appended {
  const [outcome, value, more] = answer;
  if (outcome === 'full') return [{ outcome }, []];
  if (outcome === 'not-member' || outcome === 'no-reply-target') return [{ outcome }, []];
  if (outcome === 'sent')
    return [{ outcome: 'appended', message: sentMessage(message, id, answer) }, value as MembershipNotes];
  const unapplied = (more ?? []) as MembershipNotes;
  if (outcome === 'appended') return [{ outcome, message: decodeMessage(value) }, unapplied];
  const earlier = toEarlier(answer);
  return [earlier, 'message' in earlier ? unapplied : []];
}

/** The sequence and id of the reply target; sequence 0 when it belongs to another conversation. */
function replyTarget(keys: Keys, tenant: TenantId, within: ConversationId, id: MessageId | null): (string | number)[] {
  if (id === null) return ['', ''];
  const at = locate(keys, tenant, id);
  return [at?.meta === keys.conversation(tenant, within).meta ? at.sequence : 0, id];
}

/** The field of an outcome in a hash of `lua/sent-keys.lua`: 72 bits of a digest, so that it is short. */
const sentField = (senderId: UserId, key: string): string =>
  hash('sha256', JSON.stringify([senderId, key]), 'base64url').slice(0, 12);

/** Further arguments of `start-message` for a streamed message. */
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
  readonly form: DataForm;
}

export function createMessageAppends(
  run: RunScript,
  keys: Keys,
  { clock, retention, currentTrace, memberships, writings, updates, outbox, form }: MessageAppendOptions,
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
    const { meta, members, messages, log, typing, notes, channel, streams, texts, stops } = at;
    const isStreamed = isHeld !== null;
    const storedAt = [meta, members, messages, log, typing, notes, channel];
    if (isStreamed) storedAt.push(streams, texts, stops);
    if (key) storedAt.push(...keys.sent(tenant, conversationId, senderId, key.id));
    const [sender = '', ...content] = encodeMessage(message, isStreamed);
    const id: SentId = { key: at.key, nonce: nonce() };
    const replyTo = replyTarget(keys, tenant, conversationId, message.replyToId);
    const args = (): (string | number)[] => [
      clock.offset(),
      retentionArg(retention, clock),
      senderId,
      at.key,
      JSON.stringify(conversationId),
      id.nonce,
      sender,
      ...content,
      form.isCompact ? '1' : '0',
      currentTrace(),
      ...replyTo,
      key ? sentField(senderId, key.id) : '',
      key?.digest ?? '',
      ...(isStreamed ? writingArgs(message, isHeld) : []),
    ];
    const script = isStreamed ? 'start-message' : 'append-message';
    const store = (): Promise<unknown> => outbox.run(tenant, at.events, script, storedAt, args());
    const answer = (await updates.during(tenant, conversationId, store, (stored) =>
      ['sent', 'appended'].includes((stored as string[])[0] ?? '') ? 'all' : null,
    )) as unknown[];
    const [appended, unapplied] = toAppended(answer, message, id);
    if ('message' in appended) memberships.notice(tenant, conversationId, unapplied);
    if (appended.outcome === 'appended' && answer[3] === 1) await writings.tellStop(tenant, appended.message);
    return shown(tenant, appended);
  }

  return {
    // `full` is possible for streamed messages only.
    appendMessage: (tenant, message) => append(tenant, message, null) as Promise<Append>,
    startMessage: (tenant, message) => append(tenant, message, message.isHeld),

    async findSent(tenant, { conversationId, senderId, key }) {
      const { messages } = keys.conversation(tenant, conversationId);
      const sent = keys.sent(tenant, conversationId, senderId, key.id);
      const args = [clock.offset(), sentField(senderId, key.id), key.digest];
      const answer = await run('read-sent', [messages, ...sent], args);
      return answer === null ? null : shown(tenant, toEarlier(answer as unknown[]));
    },

    async noteDiverted(tenant, { conversationId, senderId, key }, { fate, messageId }) {
      const { messages } = keys.conversation(tenant, conversationId);
      const sent = keys.sent(tenant, conversationId, senderId, key.id);
      const args = [clock.offset(), sentField(senderId, key.id), key.digest, fate, messageId ?? ''];
      await run('note-diverted', [messages, ...sent], [...args, form.isCompact ? '1' : '0']);
    },
  };
}
