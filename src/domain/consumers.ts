/**
 * Consumers: back ends that receive the events of their tenant, including events that happened while the back ends were away.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { type ConsumerProgress, type EventToken, PARTITIONS, UNREACHED } from '../engine/shared/consumer.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { ConsumerRecord, ConversationId, EventType, ShownEvent, Viewer } from '../model.ts';
import { mayReceive, requireBackEnd, requireEventRight } from './back-end.ts';
import { deadLetterKey } from './dead-letters.ts';
import { shownEvent } from './event-data.ts';
import type { EventWaits } from './event-waits.ts';
import { identifier, identifiers, natural, optional, pageSize } from './input.ts';
import { isTopicPattern } from './topic-pattern.ts';
import { lookForUnreached, stopUnwantedSearch, wantsUnreached } from './unreached.ts';

export type { ConsumerProgress };

export interface ConsumerInput {
  readonly name: string;
  readonly events: readonly EventType[];
  readonly conversations?: readonly string[] | null | undefined;
  readonly topics?: readonly string[] | null | undefined;
  readonly from?: 'START' | 'NOW' | null | undefined;
}

export interface PullInput {
  readonly consumer: string;
  readonly member: string;
  readonly max?: number | null | undefined;
  readonly waitMs: number;
}

export interface EventBatch {
  readonly events: readonly ShownEvent[];
  readonly ackToken: string;
}

export interface DeadLetters {
  readonly letters: readonly { readonly event: ShownEvent; readonly key: string }[];
  readonly hasNextPage: boolean;
}

/** For back ends and admins of the tenant. */
export interface Consumers {
  /** By name. */
  list(viewer: Viewer): Promise<ConsumerRecord[]>;
  /** Resolves when every node stores events for the consumer. */
  save(viewer: Viewer, input: ConsumerInput): Promise<ConsumerRecord>;
  delete(viewer: Viewer, name: string): Promise<boolean>;
  /** Waits for events. Returns none when the wait is over, or when the caller is gone (`isOver`). */
  pull(viewer: Viewer, input: PullInput, isOver: () => boolean): Promise<EventBatch>;
  /** False: some of the events were handed out again meanwhile. */
  ack(viewer: Viewer, consumer: string, ackToken: string, failed: readonly string[]): Promise<boolean>;
  /** @throws {ServiceError} NOT_FOUND when it was deleted. */
  progress(viewer: Viewer, name: string): Promise<ConsumerProgress>;
  deadLetters(viewer: Viewer, name: string, first: number, after: string | null | undefined): Promise<DeadLetters>;
}

const consumerName = (name: string, argument: string): string => identifier(name, argument);

function topicPatterns(patterns: readonly string[]): readonly string[] {
  if (patterns.length > LIMITS.namesPerConsumer)
    throw badInput(`topics: must have at most ${LIMITS.namesPerConsumer} items.`);
  for (const pattern of patterns)
    if (!isTopicPattern(pattern)) throw badInput(`topics: ${pattern} must be a topic pattern.`);
  return [...new Set(patterns)];
}

function recordOf({ name, events, conversations, topics }: ConsumerInput): ConsumerRecord {
  if (events.length === 0) throw badInput('events: must not be empty.');
  return {
    name: consumerName(name, 'name'),
    events: [...new Set(events)],
    conversations: optional(conversations, (ids) =>
      identifiers<ConversationId>(ids, 'conversations', LIMITS.namesPerConsumer),
    ),
    topics: optional(topics, topicPatterns),
  };
}

const encodeToken = (consumer: string, { id, partitions }: EventToken): string =>
  Buffer.from(JSON.stringify([consumer, id, ...partitions])).toString('base64url');

/** @throws {ServiceError} BAD_USER_INPUT for a token that no pull of this consumer returned. */
function decodeToken(consumer: string, token: string): EventToken {
  const fault = badInput('ackToken: must be a token of this consumer.');
  if (token.length > 1_024 || !/^[\w-]+$/.test(token)) throw fault;
  let value: unknown = null;
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    throw fault;
  }
  if (!Array.isArray(value)) throw fault;
  const [name, id, ...partitions] = value as unknown[];
  const isPartition = (each: unknown): each is number =>
    Number.isInteger(each) && Number(each) >= 0 && Number(each) < PARTITIONS;
  if (name !== consumer || typeof id !== 'string' || !partitions.every(isPartition)) throw fault;
  return { id, partitions: [...new Set(partitions)] };
}

function wishOf(member: string, max: number | null | undefined): { readonly member: string; readonly max: number } {
  const wish = { member: identifier<string>(member, 'member'), max: natural(max ?? LIMITS.eventsPerPull, 'max') };
  if (wish.max < 1 || wish.max > LIMITS.eventsPerPull) throw badInput(`max: must be 1 to ${LIMITS.eventsPerPull}.`);
  return wish;
}

/** Checks a stored consumer. A token without topic claims may receive everything, so nothing is read for it. */
async function requireEventRightOf(engine: Engine, viewer: Viewer, name: string): Promise<void> {
  if (viewer.topics.subscribe === null) return;
  const consumers = await engine.readConsumers(viewer.tenant);
  requireEventRight(
    viewer,
    consumers.find((consumer) => consumer.name === name),
  );
}

interface Parts {
  readonly engine: Engine;
  readonly waits: EventWaits;
  readonly clock: Clock;
}

const tooManyPulls = (): ServiceError =>
  new ServiceError('RATE_LIMITED', 'Too many pulls are waiting; retry after retryAfterMs.', { retryAfterMs: 1_000 });

/** Pulls repeatedly until there are events, the wait is over, or the caller is gone. */
async function pullEvents(
  { engine, waits, clock }: Parts,
  viewer: Viewer,
  { consumer, member, max, waitMs }: Parameters<Consumers['pull']>[1],
  isOver: Parameters<Consumers['pull']>[2],
): ReturnType<Consumers['pull']> {
  requireBackEnd(viewer);
  const { tenant } = viewer;
  const name = consumerName(consumer, 'consumer');
  const wish = wishOf(member, max);
  if (natural(waitMs, 'waitMs') > TIMES.longestPullMs)
    throw badInput(`waitMs: must be at most ${TIMES.longestPullMs}.`);
  const end = clock.elapsed() + waitMs;
  for (;;) {
    const arrivals = await engine.readArrivals(tenant);
    await requireEventRightOf(engine, viewer, name);
    const pulled = isOver() ? null : await engine.pullEvents(tenant, name, wish);
    if (!pulled && !isOver()) throw notFound('consumer');
    const { events = [], token = { id: '', partitions: [] }, isPart = false } = pulled ?? {};
    const leftMs = end - clock.elapsed();
    if (events.length > 0 || leftMs <= 0 || isOver()) {
      return { events: events.map(shownEvent), ackToken: encodeToken(name, token) };
    }
    // Events whose acknowledgement is overdue are not announced, so the wait looks for them at intervals.
    if (isPart) continue;
    if (!waits.hasRoom(tenant)) throw tooManyPulls();
    await waits.wait(tenant, arrivals, Math.min(leftMs, TIMES.eventLookMs), isOver);
  }
}

export function createConsumers(engine: Engine, waits: EventWaits, clock: Clock): Consumers {
  return {
    async list(viewer) {
      requireBackEnd(viewer);
      const all = (await engine.readConsumers(viewer.tenant)).filter(({ name }) => name !== UNREACHED);
      return all.sort((one, other) => (one.name < other.name ? -1 : 1));
    },

    async save(viewer, input) {
      requireBackEnd(viewer);
      const record = recordOf(input);
      requireEventRight(viewer, record);
      // Events of the replaced consumer may still be handed out.
      await requireEventRightOf(engine, viewer, record.name);
      if (wantsUnreached(record)) await lookForUnreached(engine, viewer.tenant);
      const saved = await engine.saveConsumer(viewer.tenant, record, input.from ?? 'NOW');
      if (!wantsUnreached(record)) await stopUnwantedSearch(engine, viewer.tenant);
      if (saved.outcome === 'full') {
        throw new ServiceError('CONFLICT', `A tenant has at most ${LIMITS.consumersPerTenant} consumers.`);
      }
      const { recordedInMs } = saved;
      if (recordedInMs > 0) await new Promise<void>((resolve) => clock.after(recordedInMs, resolve));
      return record;
    },

    async delete(viewer, name) {
      requireBackEnd(viewer);
      const consumer = consumerName(name, 'name');
      await engine.deleteWebhook(viewer.tenant, consumer);
      if (!(await engine.deleteConsumer(viewer.tenant, consumer))) throw notFound('consumer');
      await stopUnwantedSearch(engine, viewer.tenant);
      return true;
    },

    pull: (viewer, wish, isOver) => pullEvents({ engine, waits, clock }, viewer, wish, isOver),

    async ack(viewer, consumer, ackToken, failed) {
      requireBackEnd(viewer);
      const name = consumerName(consumer, 'consumer');
      if (failed.length > LIMITS.eventsPerPull)
        throw badInput(`failed: must have at most ${LIMITS.eventsPerPull} items.`);
      const outcome = await engine.ackEvents(viewer.tenant, name, decodeToken(name, ackToken), failed);
      if (outcome === 'not-found') throw notFound('consumer');
      return outcome === 'acknowledged';
    },

    async progress(viewer, name) {
      requireBackEnd(viewer);
      const progress = await engine.readProgress(viewer.tenant, name);
      if (!progress) throw notFound('consumer');
      return progress;
    },

    async deadLetters(viewer, name, first, after) {
      requireBackEnd(viewer);
      if (pageSize(first, 'first') > LIMITS.eventsPerPull)
        throw badInput(`first: must be at most ${LIMITS.eventsPerPull}.`);
      const found = await engine.listDeadLetters(viewer.tenant, name, optional(after, deadLetterKey), first + 1);
      const heard = found.slice(0, first).filter((letter) => mayReceive(viewer, letter));
      const letters = heard.map((letter) => ({ event: shownEvent(letter), key: letter.key }));
      return { letters, hasNextPage: found.length > first };
    },
  };
}
