/** The guarantees about messages, checked once a trial is at rest. Each checker returns its breaches in words. */
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import type { StoredLog } from './log.ts';
import { keyOf, type RawReader, type Reader } from './readers.ts';
import type { Writers } from './writers.ts';

function repeated(values: readonly string[]): string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size === seen.add(value).size);
}

/** G01 to G03: what was acknowledged is there once, where it was said to be, and numbers have no gap. */
export function judgeLog(trial: Trial, { sent }: Writers, { id, messages }: StoredLog): string[] {
  const stored = new Map(messages.map((message) => [message.sequence, message.id]));
  const keys = messages.flatMap(({ clientMessageId }) => clientMessageId ?? []);
  const contents = messages.map(({ content }) => content as string).filter((content) => content !== '');
  return [
    ...messages.flatMap(({ sequence }, index) =>
      sequence === index + 1 ? [] : [`${sequence} is stored as number ${index + 1}`],
    ),
    ...repeated(keys).map((key) => `${key} is stored twice`),
    // Of those, too, that have no key and were sent once, whatever their sender was told.
    ...repeated(contents).map((content) => `${content} is stored twice`),
    ...sent
      .filter(
        ({ conversationId, askedAt, acknowledgedAt }) =>
          conversationId === id && !trial.mayBeLost(askedAt, acknowledgedAt),
      )
      .filter((message) => stored.get(message.sequence) !== message.id)
      .map(({ sequence }) => `${sequence} was acknowledged and is not stored`),
  ];
}

/** G05, G06: each once and in order, none left out, from where its reader began. */
export function judgeOrder({ name, heard, bases }: Reader, { id }: StoredLog): string[] {
  const lives = Map.groupBy(
    heard.filter(({ event }) => event.conversationId === id),
    ({ life }) => life,
  );
  return [...lives].flatMap(([life, all]) => {
    const base = bases[life]?.get(id) ?? 0;
    const first = all[0]?.event.sequence ?? 0;
    const begins = (life === 0 ? first === 1 : first <= base + 1) ? [] : [`${name}: began with ${first} past ${base}`];
    const gaps = all.slice(1).flatMap(({ event }, index) => {
      const before = all[index]?.event.sequence;
      return event.sequence === before + 1 ? [] : [`${name}: ${event.sequence} came after ${before}`];
    });
    return [...begins, ...gaps];
  });
}

/** What a reader shows of new messages is what is stored, all of it. */
export function judgeView({ name, view }: Reader, { id, messages }: StoredLog): string[] {
  return messages
    .filter((message) => view.get(keyOf(id, message.sequence))?.id !== message.id)
    .map(({ sequence }) => `${name}: never showed ${sequence}`);
}

/** Whatever changed since it was sent is known in its last state. */
export function judgeUpdates(trial: Trial, { name, view }: Reader, { sent }: Writers, log: StoredLog): string[] {
  const sentAt = new Map(sent.map(({ id, position }) => [id, position]));
  const hasChanged = ({ id, position, editedAt, deletedAt, reactions }: Data): boolean =>
    editedAt !== null ||
    deletedAt !== null ||
    reactions.length > 0 ||
    // What was taken back leaves no other trace; after a loss places may name another life.
    (trial.losses.length === 0 && (sentAt.get(id) ?? position) !== position);
  return log.messages
    .filter(hasChanged)
    .filter(({ sequence, position }) => view.get(keyOf(log.id, sequence))?.position !== position)
    .map(({ sequence }) => `${name}: does not know the last change of ${sequence}`);
}

/** Nothing is told twice. */
export function judgeOnce({ name, heard }: Reader): string[] {
  const places = heard.map(({ event, life }) => `${event.position} in life ${life}`);
  return repeated(places).map((place) => `${name}: ${place} came twice`);
}

/** G04: a position names one message for ever, whoever tells of it. */
export function judgePositions(readers: readonly Reader[], { sent }: Writers, logs: readonly StoredLog[]): string[] {
  const named = new Map<string, string>();
  const name = (position: string, id: string): string[] => {
    const before = named.get(position) ?? id;
    named.set(position, before);
    return before === id ? [] : [`${position} names ${before} and ${id}`];
  };
  return [
    ...sent.flatMap(({ position, id }) => name(position, id)),
    ...readers.flatMap(({ heard }) => heard.flatMap(({ event }) => name(event.position, event.id))),
    ...logs.flatMap(({ messages }) => messages.flatMap(({ position, id }) => name(position, id))),
  ];
}

/** `/ws`: each message at least once over all connections, none lost at a goodbye. */
export function judgeRaw(trial: Trial, { events, expiredAt }: RawReader, { sent, rooms }: Writers): string[] {
  const heard = new Set(events.map((event) => event.message_id as string));
  const firsts = new Map<string, number>();
  for (const { room, sequence } of events) firsts.set(room, Math.min(firsts.get(room) ?? sequence, sequence));
  return (
    sent
      .filter(({ askedAt, acknowledgedAt }) => !trial.mayBeLost(askedAt, acknowledgedAt))
      // What was asked for before the loss was told may have been there to be read then.
      .filter(({ conversationId, askedAt }) => rooms.includes(conversationId) && askedAt > expiredAt)
      .filter(({ conversationId, sequence }) => sequence >= (firsts.get(conversationId) ?? Number.POSITIVE_INFINITY))
      .filter(({ id }) => !heard.has(id))
      .map(({ sequence }) => `/ws: ${sequence} was never given`)
  );
}
