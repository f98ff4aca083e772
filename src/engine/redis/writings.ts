/** Streamed messages in Redis. */
import type { Clock } from '../../clock.ts';
import { lengthOf } from '../../code-points.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import { type MessageId, type MessageRecord, type Retention, type TenantId, WITHHELD } from '../../model.ts';
import type { CurrentTrace, NewText, TextAppend, Writing, WritingFinish, WritingStore } from '../port.ts';
import { partsOf, writerKey } from '../shared/written-text.ts';
import { nonce } from './attempt.ts';
import type { Scripts } from './batches.ts';
import { asJsonText, decodeMessage, encodeExtension } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import { locate } from './located.ts';
import { retentionArg } from './retention.ts';
import type { TellStop } from './stop-news.ts';
import type { ConversationKeys } from './subject-keys.ts';
import { createWritingReads } from './writing-reads.ts';

export interface WritingOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly currentTrace: CurrentTrace;
  readonly outbox: EventOutbox;
  readonly tellStop: TellStop;
}

export interface RedisWritings extends Omit<WritingStore, 'startMessage'> {
  /** The same messages, with the current text of those being written. */
  readonly tellStop: TellStop;
  fill<Message extends MessageRecord | null>(tenant: TenantId, messages: readonly Message[]): Promise<Message[]>;
}

function toTextAppend([outcome, value, stopped]: readonly unknown[]): TextAppend {
  switch (outcome) {
    case 'appended':
    case 'repeated':
      return { outcome, length: Number(value), isStopRequested: stopped === 1 };
    case 'misplaced':
    case 'too-long':
      return { outcome, length: Number(value) };
    case 'ended':
      return { outcome, message: decodeMessage(value) };
    case 'too-often':
      return { outcome, retryAfterMs: Number(value) };
    default:
      return { outcome: outcome as 'not-found' | 'not-sender' | 'not-member' };
  }
}

function toFinish([outcome, value]: readonly unknown[]): WritingFinish {
  if (outcome === 'finished' || outcome === 'ended') return { outcome, message: decodeMessage(value) };
  if (outcome === 'misplaced') return { outcome, length: Number(value) };
  return { outcome: outcome as 'not-found' | 'not-sender' | 'not-member' };
}

const PER_PART = LIMITS.writtenPartCharacters;

/** The payload as JSON; empty: unchanged. */
const newPayload = (payload: unknown): string => (payload === undefined ? '' : JSON.stringify(payload));

/** The arguments of `append-text`: the text, and the announcement of it. */
function appendArgs(offsetMs: number, sequence: number, id: MessageId, next: NewText): (string | number)[] {
  const { offset, text, payload, paceMs, isHeld = false } = next;
  const length = offset + lengthOf(text);
  const args = [offsetMs, sequence, id, writerKey(next), offset, length, paceMs, TIMES.writingMs];
  const isNews = text !== '' || payload !== undefined;
  const news = isHeld ? WITHHELD : isNews ? { offset, length, text, payload } : null;
  const announcement = news ? encodeExtension({ messageId: id, ...news }) : '';
  const parts = partsOf(offset, text).flatMap((part) => [part.index, asJsonText(part.text)]);
  const more = [LIMITS.writtenCharacters, PER_PART, newPayload(payload), announcement, isHeld ? '1' : '0'];
  return [...args, ...more, ...parts];
}

const writtenKeys = ({ meta, members, messages, log, channel, streams, texts }: ConversationKeys): string[] => [
  meta,
  members,
  messages,
  log,
  channel,
  streams,
  texts,
];

export function createWritings(
  { run, runOne }: Scripts,
  keys: Keys,
  { clock, retention, currentTrace, outbox, tellStop }: WritingOptions,
): RedisWritings {
  const kept = (): string => retentionArg(retention, clock);

  const { readSome, fill } = createWritingReads(keys, { clock, retention, outbox });

  return {
    fill,
    tellStop,

    async appendText(tenant, id, text) {
      const at = locate(keys, tenant, id);
      if (!at) return { outcome: 'not-found' };
      const { members, messages, channel, streams, texts } = at;
      const append = (): Promise<unknown> =>
        run(
          'append-text',
          [members, messages, channel, streams, texts],
          appendArgs(clock.offset(), at.sequence, id, text),
        );
      const answer = (await append()) as unknown[];
      if (answer[0] !== 'silent') return toTextAppend(answer);
      // A read aborts the message, as any other read would.
      await readSome(tenant, at, '', [at.sequence]);
      return toTextAppend((await append()) as unknown[]);
    },

    async finishMessage(tenant, id, end) {
      const { state, length, content, payload } = end;
      const writer = writerKey(end);
      const at = locate(keys, tenant, id);
      if (!at) return { outcome: 'not-found' };
      const args = [clock.offset(), kept(), at.sequence, id, nonce(), writer, state, length ?? '', TIMES.writingMs];
      const more = [PER_PART, currentTrace(), content === null ? '' : JSON.stringify(content), newPayload(payload)];
      const all = [...args, ...more];
      return toFinish((await outbox.run(tenant, at.events, 'finish-message', writtenKeys(at), all)) as unknown[]);
    },

    async requestStop(tenant, id) {
      const at = locate(keys, tenant, id);
      if (!at) return null;
      const { messages, channel, streams, texts, stops } = at;
      const args = [clock.offset(), at.sequence, id, TIMES.stopMs, PER_PART];
      const answer = await run('request-stop', [messages, channel, streams, texts, stops], args);
      if (answer === null) return null;
      const [asked, announced] = answer as [number, string[]];
      await Promise.all(announced.map((value) => tellStop(tenant, decodeMessage(value))));
      return asked;
    },

    async readWriting(tenant, id, writer) {
      const at = locate(keys, tenant, id);
      const [one] = at ? (await readSome(tenant, at, writerKey(writer), [at.sequence])).read : [];
      if (!one) return null;
      const [value, isHeld, isStopRequested] = one;
      const message = decodeMessage(value);
      if (message.id !== id || message.state !== 'STREAMING') return null;
      return { message, isHeld: isHeld === '1', isStopRequested: isStopRequested === '1' } satisfies Writing;
    },

    async listWritings(tenant, id, after) {
      // Counted in batches first, since most conversations have no message being written.
      const count = await runOne('count-streams', [keys.conversation(tenant, id).streams]);
      if (Number(count) === 0) return { messages: [], next: null };
      const { last, read } = await readSome(tenant, keys.conversation(tenant, id), '', { after });
      return { messages: read.flatMap((each) => (each ? [decodeMessage(each[0])] : [])), next: last };
    },
  };
}
