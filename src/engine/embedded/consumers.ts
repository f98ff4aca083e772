/** Consumers in SQLite: the position of each, and the events that its members have not acknowledged. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { ConsumerRecord, TenantId } from '../../model.ts';
import type { Unread } from '../shared/closed.ts';
import { AS_PULLED, type ConsumerStore, type DeadLetter, type ReadConsumer, wantedBy } from '../shared/consumer.ts';
import { readConsumer } from '../shared/stored-records.ts';
import {
  type Consumer,
  type ConsumerStatements,
  type DeadRow,
  type PartitionRow,
  prepareConsumerStatements,
} from './consumer-rows.ts';
import type { Database } from './database.ts';
import { createNumbers } from './event-numbers.ts';
import { ALL, EventPulls } from './event-pulls.ts';
import { createEvents, type Events, eventOf } from './events.ts';

interface Parts {
  readonly database: Database;
  readonly sql: ConsumerStatements;
  readonly events: Events;
  readonly pulls: EventPulls;
}

export function createConsumers(database: Database, clock: Clock): ConsumerStore {
  const sql = prepareConsumerStatements(database);
  const events = createEvents(database, clock);
  const pulls = new EventPulls(sql, events, clock, createNumbers(database, 'dead_events', clock));
  const parts = { database, sql, events, pulls };
  return { ...createRegistry(parts), ...createPulling(parts), ...createReports(parts) };
}

const decode = (json: string): ReadConsumer => readConsumer(JSON.parse(json) as Unread<ConsumerRecord>);

function find(sql: ConsumerStatements, tenant: TenantId, name: string): Consumer | null {
  const row = sql.selectOne.get(tenant, name) as { key: number; record: string } | undefined;
  return row ? { key: row.key, tenant, ...decode(row.record) } : null;
}

type Registry = 'readConsumers' | 'saveConsumer' | 'deleteConsumer';

function createRegistry({ database, sql, events }: Parts): Pick<ConsumerStore, Registry> {
  return {
    readConsumers: async (tenant) =>
      database.read(() => sql.selectAll.all(tenant).map((row) => decode(row['record'] as string).record)),

    async saveConsumer(tenant, consumer, from) {
      const outcome = await database.write((): 'saved' | 'full' => {
        const existing = find(sql, tenant, consumer.name);
        const others = sql.selectAll.all(tenant).length;
        if (!existing && others >= LIMITS.consumersPerTenant) return 'full';
        if (existing) sql.update.run(JSON.stringify(consumer), existing.key);
        else {
          const { key } = sql.insert.get(tenant, consumer.name, JSON.stringify(consumer)) as { key: number };
          // Events stored only for deleted consumers are incomplete, so a first consumer begins with new events.
          const isFromStart = from === 'START' && others > 0;
          for (const partition of ALL) sql.begin.run(key, partition, isFromStart ? 0 : events.head(tenant, partition));
        }
        return 'saved';
      });
      if (outcome === 'full') return { outcome };
      events.tenants.add(tenant);
      return { outcome, recordedInMs: 0 };
    },

    async deleteConsumer(tenant, name) {
      const [isDeleted, isLast] = await database.write(() => {
        const consumer = find(sql, tenant, name);
        for (const statement of consumer ? sql.remove : []) statement.run((consumer as Consumer).key);
        return [consumer !== null, sql.selectAll.all(tenant).length === 0];
      });
      if (isLast) events.tenants.delete(tenant);
      return isDeleted;
    },
  };
}

type Pulling = 'pullEvents' | 'ackEvents' | 'redeliverEvents';

function createPulling({ database, sql, pulls }: Parts): Pick<ConsumerStore, Pulling> {
  return {
    async pullEvents(tenant, name, wish) {
      return database.write(() => {
        const consumer = find(sql, tenant, name);
        return consumer && pulls.pull(consumer, wish);
      });
    },

    async ackEvents(tenant, name, token, failed, { returned, backOff } = AS_PULLED) {
      const acknowledgement = { failed: new Set(failed), returned: new Set(returned), backOff };
      return database.write(() => {
        const consumer = find(sql, tenant, name);
        return consumer ? pulls.ack(consumer, token, acknowledgement) : 'not-found';
      });
    },

    async redeliverEvents(tenant, name, after, most) {
      return database.write(() => {
        const consumer = find(sql, tenant, name);
        return consumer && pulls.redeliver(consumer, after, most);
      });
    },
  };
}

type Reports = 'noteUnreached' | 'readProgress' | 'listDeadLetters' | 'readArrivals';

function createReports({ database, sql, events, pulls }: Parts): Pick<ConsumerStore, Reports> {
  return {
    async noteUnreached(tenant, _at, users) {
      await database.write(() => {
        if (!events.tenants.has(tenant)) return;
        for (const data of users) events.note(tenant, { type: 'USER_UNREACHED', subject: data.conversationId, data });
      });
    },

    async readProgress(tenant, name) {
      return database.write(() => {
        const consumer = find(sql, tenant, name);
        if (!consumer) return null;
        pulls.giveUpOverdue(consumer);
        const isWanted = wantedBy(consumer);
        const partitions = pulls.partitionsOf(consumer);
        const pending = partitions
          .flatMap((row) => pulls.pendingOf(row))
          .flatMap(({ number }) => events.at(number) ?? []);
        const count = ({ partition, place }: PartitionRow): number => events.count(tenant, partition, place, isWanted);
        return {
          lag: partitions.reduce((sum, row) => sum + count(row), 0),
          pending: pending.length,
          oldestPendingAt: pending.length === 0 ? null : Math.min(...pending.map(({ at }) => at)),
          deadLetters: (sql.countDead.get(consumer.key) as { dead: number }).dead,
        };
      });
    },

    async listDeadLetters(tenant, name, after, limit) {
      return database.write(() => {
        const consumer = find(sql, tenant, name);
        if (!consumer) return [];
        pulls.giveUpOverdue(consumer);
        const rows = sql.selectDead.all(consumer.key, Number(after ?? 0), limit) as unknown as DeadRow[];
        return rows.map((row): DeadLetter => ({ ...eventOf(row, row.attempts), key: String(row.place) }));
      });
    },

    readArrivals: async () => database.read(() => events.arrivals),
  };
}
