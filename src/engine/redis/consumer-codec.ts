/** The format of consumers, their events and the sort keys of dead letters in Redis. */
import { type ConsumerRecord, EVENT_TYPES } from '../../model.ts';
import type { Unread } from '../shared/closed.ts';
import { type EventRecord, type NewerEvent, PARTITIONS, type ReadConsumer } from '../shared/consumer.ts';
import { readConsumer, readEvent } from '../shared/stored-records.ts';
import { luaPatternsOf } from '../shared/topic-match.ts';

export interface Consumer extends ReadConsumer {
  /** Unique: an earlier consumer of the same name had another key. */
  readonly key: string;
}

export const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

export function decodeConsumer(value: string): Consumer {
  const end = value.indexOf(' ');
  return { key: value.slice(0, end), ...readConsumer(JSON.parse(value.slice(end + 1)) as Unread<ConsumerRecord>) };
}

const set = (names: readonly string[]): Record<string, true> => Object.fromEntries(names.map((name) => [name, true]));
const KNOWN = set(EVENT_TYPES);

/** The filter of a consumer, in the form that scripts read. */
export function wantedArg({ record, newer }: ReadConsumer): string {
  const { events, conversations, topics } = record;
  return JSON.stringify({
    types: set([...events, ...newer]),
    known: KNOWN,
    conversations: conversations && set(conversations),
    topics: topics?.flatMap(luaPatternsOf) ?? null,
  });
}

export function eventOf(partition: number, fields: readonly string[]): EventRecord | NewerEvent {
  const [id = '', number, type, subject, data = 'null', attempt] = fields;
  const at = Math.floor(Number(number) / 1_000);
  const record = { id: `${partition}-${id}`, at, type, subject, data: JSON.parse(data), attempt: Number(attempt) };
  return readEvent(record as unknown as Unread<EventRecord>);
}

/** Ids of events as their partition stores them. */
export const idsIn = (partition: number, ids: readonly string[]): string[] =>
  ids.flatMap((id) => (id.startsWith(`${partition}-`) ? [id.slice(id.indexOf('-') + 1)] : []));

/** The sort key of a dead letter in one order over all partitions. */
export interface DeadLetterKey {
  readonly id: string;
  readonly partition: number;
}

export function parseDeadLetterKey(key: string | null): DeadLetterKey {
  const [ms = '0', sequence = '0', partition = '-1'] = key === null ? [] : key.split('-');
  return { id: `${ms}-${sequence}`, partition: Number(partition) };
}

/** The start of a range of a partition's dead letters past a sort key. */
export const rangeStart = (partition: number, after: DeadLetterKey): string =>
  partition > after.partition ? after.id : `(${after.id}`;

export function compareDeadLetterKeys(one: DeadLetterKey, other: DeadLetterKey): number {
  const [ms, sequence] = one.id.split('-').map(Number) as [number, number];
  const [otherMs, otherSequence] = other.id.split('-').map(Number) as [number, number];
  return ms - otherMs || sequence - otherSequence || one.partition - other.partition;
}
