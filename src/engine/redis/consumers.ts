/** Consumers in Redis: one hash per tenant, and in each partition the position of each consumer. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { TenantId } from '../../model.ts';
import {
  AS_PULLED,
  type ConsumerStore,
  type DeadLetter,
  type EventPull,
  type EventRecord,
  PARTITIONS,
  type PulledEvents,
} from '../shared/consumer.ts';
import { attempt, nonce } from './attempt.ts';
import type { RedisClient } from './client.ts';
import {
  ALL,
  type Consumer,
  compareDeadLetterKeys,
  type DeadLetterKey,
  decodeConsumer,
  eventOf,
  idsIn,
  parseDeadLetterKey,
  rangeStart,
  wantedArg,
} from './consumer-codec.ts';
import type { Forwarding } from './forwarding.ts';
import type { Keys } from './keys.ts';
import type { KnownConsumers } from './known-consumers.ts';
import type { RunScript } from './scripts.ts';

export interface ConsumerParts {
  readonly clock: Clock;
  readonly known: KnownConsumers;
  readonly forwarding: Forwarding;
}

/** The parts, with the Redis client. */
interface Context extends ConsumerParts {
  readonly client: RedisClient;
  readonly run: RunScript;
  readonly keys: Keys;
}

export function createConsumers(client: RedisClient, run: RunScript, keys: Keys, parts: ConsumerParts): ConsumerStore {
  const context = { client, run, keys, ...parts };
  return { ...createRegistry(context), ...createPulling(context), ...createReports(context) };
}

async function find({ client, keys }: Context, tenant: TenantId, name: string): Promise<Consumer | null> {
  const value = await attempt(() => client.hget(keys.consumers(tenant).consumers, name));
  return value === null ? null : decodeConsumer(value);
}

function partitionKeys(
  { keys }: Context,
  tenant: TenantId,
  partition: number,
  { key }: Pick<Consumer, 'key'>,
): string[] {
  const at = keys.partition(tenant, partition);
  return [at.stream, at.state(key), at.dead(key)];
}

type Registry = 'readConsumers' | 'saveConsumer' | 'deleteConsumer';

function createRegistry(context: Context): Pick<ConsumerStore, Registry> {
  const { client, run, keys, known } = context;
  return {
    async readConsumers(tenant) {
      const values = await attempt(() => client.hvals(keys.consumers(tenant).consumers));
      return values.map((value) => decodeConsumer(value).record);
    },

    async saveConsumer(tenant, record, from) {
      const { consumers, unaware } = keys.consumers(tenant);
      const existing = await find(context, tenant, record.name);
      const key = nonce();
      if (!existing) {
        // Events stored only for deleted consumers are incomplete, so a first consumer begins with new events.
        const isFirst = (await attempt(() => client.hlen(consumers))) === 0;
        const begun = ALL.map((partition) => {
          const [stream = '', state = ''] = partitionKeys(context, tenant, partition, { key });
          return run('begin-consumer', [stream, state], [isFirst ? 'NOW' : from, TIMES.eventsMs]);
        });
        await Promise.all(begun);
      }
      const args = [record.name, key, JSON.stringify(record), LIMITS.consumersPerTenant, known.node];
      const answer = await run('save-consumer', [consumers, unaware], args);
      const [outcome, recordedInMs] = answer as ['saved' | 'full', number];
      if (outcome === 'full') return { outcome };
      known.learn(tenant);
      return { outcome, recordedInMs };
    },

    async deleteConsumer(tenant, name) {
      const consumer = await find(context, tenant, name);
      if (!consumer) return false;
      const isDeleted = (await attempt(() => client.hdel(keys.consumers(tenant).consumers, name))) === 1;
      const gone = ALL.map((partition) => partitionKeys(context, tenant, partition, consumer).slice(1));
      await attempt(() => Promise.all(gone.map((names) => client.unlink(...names))));
      return isDeleted;
    },
  };
}

/** `first`: the partition to begin with. */
async function pull(
  context: Context,
  tenant: TenantId,
  consumer: Consumer,
  { max }: EventPull,
  first: number,
): Promise<PulledEvents> {
  const id = nonce() + nonce();
  const partitions: number[] = [];
  const wanted = wantedArg(consumer);
  const events: EventRecord[] = [];
  let isPart = false;
  let bytes: number = LIMITS.readingBytes;
  for (const partition of [...ALL.slice(first), ...ALL.slice(0, first)]) {
    if (events.length >= max || bytes <= 0) break;
    const caps = [TIMES.eventAckMs, LIMITS.eventAttempts, TIMES.eventsMs, LIMITS.scannedEvents];
    const args = [context.clock.offset(), id, max - events.length, bytes, ...caps, wanted];
    let answer: string[] = [];
    try {
      answer = (await context.run(
        'pull-events',
        partitionKeys(context, tenant, partition, consumer),
        args,
      )) as string[];
    } catch (error) {
      // Events already handed out must be returned; the error of other partitions is dropped then.
      if (events.length === 0) throw error;
    }
    const [more, ...fields] = answer;
    isPart ||= more === '1';
    if (fields.length > 0) partitions.push(partition);
    for (let at = 0; at < fields.length; at += 6) {
      const event = eventOf(partition, fields.slice(at, at + 6));
      // The script hands out none of a newer type.
      if (event.type !== null) events.push(event);
      bytes -= fields[at + 4]?.length ?? 0;
    }
  }
  return { events, token: { id, partitions }, isPart };
}

type Pulling = 'pullEvents' | 'ackEvents' | 'redeliverEvents';

function createPulling(context: Context): Pick<ConsumerStore, Pulling> {
  const { run, clock, forwarding } = context;
  /** The partition to begin with; rotates, so that none is always last. */
  let turn = 0;
  return {
    async pullEvents(tenant, name, wish) {
      const consumer = await find(context, tenant, name);
      if (!consumer) return null;
      await forwarding.sweep(tenant, TIMES.unforwardedMs);
      turn = (turn + 1) % PARTITIONS;
      return pull(context, tenant, consumer, wish, turn);
    },

    async ackEvents(tenant, name, { id, partitions }, failed, { returned, backOff } = AS_PULLED) {
      const consumer = await find(context, tenant, name);
      if (!consumer) return 'not-found';
      const caps = [LIMITS.eventAttempts, backOff.growth, backOff.mostMs, TIMES.eventsMs];
      const answers = await Promise.all(
        partitions.map((partition) => {
          const failedHere = idsIn(partition, failed);
          const ids = [failedHere.length, ...failedHere, ...idsIn(partition, returned)];
          return run('ack-events', partitionKeys(context, tenant, partition, consumer), [
            clock.offset(),
            id,
            ...caps,
            ...ids,
          ]);
        }),
      );
      return answers.includes('late') ? 'late' : 'acknowledged';
    },

    async redeliverEvents(tenant, name, after, most) {
      const consumer = await find(context, tenant, name);
      if (!consumer) return null;
      const from = parseDeadLetterKey(after);
      const counts = await Promise.all(
        ALL.map((partition) => {
          const args = [clock.offset(), rangeStart(partition, from), most, TIMES.eventsMs];
          return run('redeliver-events', partitionKeys(context, tenant, partition, consumer), args);
        }),
      );
      return counts.reduce<number>((sum, count) => sum + Number(count), 0);
    },
  };
}

/** Dead letters of one partition past a sort key. */
async function deadOf(
  context: Context,
  tenant: TenantId,
  consumer: Consumer,
  partition: number,
  after: DeadLetterKey,
  limit: number,
) {
  const [, , dead = ''] = partitionKeys(context, tenant, partition, consumer);
  const from = rangeStart(partition, after);
  const entries = await attempt(() => context.client.xrange(dead, from, '+', 'COUNT', limit));
  return entries.map(([id, fields]) => {
    const value = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
    const event = eventOf(partition, [value('i'), value('n'), value('t'), value('s'), value('d'), value('a')]);
    return { key: { id, partition }, event };
  });
}

type Reports = 'noteUnreached' | 'readProgress' | 'listDeadLetters' | 'readArrivals';

function createReports(context: Context): Pick<ConsumerStore, Reports> {
  const { client, run, keys, clock, forwarding } = context;
  return {
    noteUnreached: (tenant, at, users) => forwarding.noteUnreached(tenant, at, users),

    async readProgress(tenant, name) {
      const consumer = await find(context, tenant, name);
      if (!consumer) return null;
      await forwarding.sweep(tenant, 0);
      const args = [clock.offset(), LIMITS.eventAttempts, TIMES.eventsMs, LIMITS.countedEvents];
      const answers = (await Promise.all(
        ALL.map((partition) =>
          run('read-progress', partitionKeys(context, tenant, partition, consumer), [...args, wantedArg(consumer)]),
        ),
      )) as [number, number, string, number][];
      const sum = (of: 0 | 1 | 3): number => answers.reduce((total, answer) => total + answer[of], 0);
      const oldest = Math.min(...answers.flatMap(([, , number]) => (number === '' ? [] : [Number(number)])));
      const oldestPendingAt = Number.isFinite(oldest) ? Math.floor(oldest / 1_000) : null;
      return { lag: sum(0), pending: sum(1), oldestPendingAt, deadLetters: sum(3) };
    },

    async listDeadLetters(tenant, name, after, limit) {
      const consumer = await find(context, tenant, name);
      if (!consumer) return [];
      const from = parseDeadLetterKey(after);
      const found = await Promise.all(
        ALL.map((partition) => deadOf(context, tenant, consumer, partition, from, limit)),
      );
      return found
        .flat()
        .sort((one, other) => compareDeadLetterKeys(one.key, other.key))
        .slice(0, limit)
        .map(({ key, event }): DeadLetter => ({ ...event, key: `${key.id}-${key.partition}` }));
    },

    readArrivals: async (tenant) => (await attempt(() => client.get(keys.consumers(tenant).arrivals))) ?? '0',
  };
}
