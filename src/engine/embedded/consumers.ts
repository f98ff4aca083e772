/** Consumers in SQLite: where each of them is, and what its members have in hand. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConsumerRecord, TenantId } from '../../model.ts';
import {
  AS_PULLED,
  type BackOff,
  type ConsumerStore,
  type DeadLetter,
  type EventPull,
  type EventRecord,
  type EventToken,
  PARTITIONS,
  type PulledEvents,
  retryAfterMs,
  wantedBy,
} from '../shared/consumer.ts';
import type { Database } from './database.ts';
import { createEvents, type EventRow, eventOf } from './events.ts';

interface Consumer {
  readonly key: number;
  readonly tenant: TenantId;
  readonly record: ConsumerRecord;
}

interface PlaceRow {
  readonly consumer: number;
  readonly partition: number;
  readonly place: number;
  readonly token: string | null;
  readonly acked: string | null;
  readonly until: number;
}

interface PendingRow {
  readonly number: number;
  readonly attempts: number;
}

type DeadRow = EventRow & { readonly place: number; readonly attempts: number };

/** The events handed out so far, of all partitions. */
interface HandedOut {
  readonly events: EventRecord[];
  readonly partitions: number[];
  bytes: number;
  /** There is more to look at. */
  isPart: boolean;
}

/** Settles events that were handed out, by their ids. */
interface Acknowledgement {
  readonly failed: ReadonlySet<string>;
  readonly returned: ReadonlySet<string>;
  readonly backOff: BackOff;
}

const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

export function createConsumers(database: Database, clock: Clock): ConsumerStore {
  const selectAll = database.prepare('SELECT record FROM consumers WHERE tenant = ?');
  const selectOne = database.prepare('SELECT key, record FROM consumers WHERE tenant = ? AND name = ?');
  const insert = database.prepare('INSERT INTO consumers (tenant, name, record) VALUES (?, ?, ?) RETURNING key');
  const update = database.prepare('UPDATE consumers SET record = ? WHERE key = ?');
  const remove = [
    'DELETE FROM consumers WHERE key = ?',
    ...['consumer_places', 'pending_events', 'dead_events'].map((table) => `DELETE FROM ${table} WHERE consumer = ?`),
  ].map((sql) => database.prepare(sql));
  const begin = database.prepare('INSERT INTO consumer_places (consumer, partition, place) VALUES (?, ?, ?)');
  const selectPlaces = database.prepare('SELECT * FROM consumer_places WHERE consumer = ? ORDER BY partition');
  const movePlace = database.prepare('UPDATE consumer_places SET place = ? WHERE consumer = ? AND partition = ?');
  const handOut = database.prepare(
    'UPDATE consumer_places SET token = ?, until = ? WHERE consumer = ? AND partition = ?',
  );
  const rest = database.prepare(
    'UPDATE consumer_places SET token = NULL, acked = ?, until = ? WHERE consumer = ? AND partition = ?',
  );
  const selectPending = database.prepare(
    'SELECT number, attempts FROM pending_events WHERE consumer = ? AND partition = ? ORDER BY number',
  );
  const selectHanded = database.prepare(
    'SELECT number, attempts FROM pending_events WHERE consumer = ? AND partition = ? AND token = ?',
  );
  const putPending = database.prepare('INSERT OR REPLACE INTO pending_events VALUES (?, ?, ?, ?, ?)');
  const dropPending = database.prepare(
    'DELETE FROM pending_events WHERE consumer = ? AND partition = ? AND number = ?',
  );
  const putDead = database.prepare(
    `INSERT INTO dead_events (consumer, number, partition, type, subject, at, data, attempts, died_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const dropDead = database.prepare('DELETE FROM dead_events WHERE died_at <= ?');
  const countDead = database.prepare('SELECT count(*) AS dead FROM dead_events WHERE consumer = ?');
  const selectDead = database.prepare(
    'SELECT * FROM dead_events WHERE consumer = ? AND place > ? ORDER BY place LIMIT ?',
  );
  const selectDeadOf = database.prepare(
    'SELECT * FROM dead_events WHERE consumer = ? AND partition = ? AND place > ? ORDER BY place LIMIT ?',
  );
  const dropDeadOne = database.prepare('DELETE FROM dead_events WHERE place = ?');
  const wake = database.prepare('UPDATE consumer_places SET until = 0 WHERE consumer = ? AND token IS NULL');
  const events = createEvents(database, clock);

  function find(tenant: TenantId, name: string): Consumer | null {
    const row = selectOne.get(tenant, name) as { key: number; record: string } | undefined;
    return row ? { key: row.key, tenant, record: JSON.parse(row.record) as ConsumerRecord } : null;
  }

  const placesOf = ({ key }: Consumer): PlaceRow[] => selectPlaces.all(key) as unknown as PlaceRow[];
  const pendingOf = ({ consumer, partition }: PlaceRow): PendingRow[] =>
    selectPending.all(consumer, partition) as unknown as PendingRow[];

  function give(place: PlaceRow, event: EventRow, attempt: number, token: string, handed: HandedOut): void {
    putPending.run(place.consumer, place.partition, event.number, attempt, token);
    handed.events.push(eventOf(event, attempt));
    handed.bytes += event.data.length;
  }

  /** Gives up an event whose attempts are used up; `false`: they are not. An event past its retention is forgotten. */
  function giveUp({ consumer, partition }: PlaceRow, { number, attempts }: PendingRow): boolean {
    const event = events.at(number);
    if (event && attempts < LIMITS.eventAttempts) return false;
    dropPending.run(consumer, partition, number);
    if (!event) return true;
    const { type, subject, at, data } = event;
    putDead.run(consumer, number, partition, type, subject, at, data, attempts, clock.now());
    return true;
  }

  /** Gives up what was handed out for the last time and not acknowledged. */
  function settle(consumer: Consumer): void {
    dropDead.run(clock.now() - TIMES.eventsMs);
    for (const place of placesOf(consumer)) {
      if (place.until > clock.now()) continue;
      for (const pending of pendingOf(place)) giveUp(place, pending);
    }
  }

  /** Hands out what is next of a partition that nobody has in hand. */
  function handOutPartition(consumer: Consumer, place: PlaceRow, max: number, token: string, handed: HandedOut): void {
    const before = handed.events.length;
    const isFull = (): boolean => handed.events.length >= max || handed.bytes >= LIMITS.readingBytes;
    const pending = pendingOf(place);
    for (const { number, attempts } of pending) {
      const event = isFull() ? undefined : events.at(number);
      if (event) give(place, event, attempts + 1, token, handed);
    }
    // New events come after those that are handed out again.
    if (!isFull()) scan(consumer, place, token, handed, isFull);
    if (handed.events.length > before) {
      handOut.run(token, clock.now() + TIMES.eventAckMs, place.consumer, place.partition);
      handed.partitions.push(place.partition);
    }
  }

  function scan(
    { tenant, record }: Consumer,
    place: PlaceRow,
    token: string,
    handed: HandedOut,
    isFull: () => boolean,
  ): void {
    const isWanted = wantedBy(record);
    let last = place.place;
    let looked = 0;
    for (const event of events.past(tenant, place.partition, place.place)) {
      if (isFull()) break;
      last = event.number;
      looked += 1;
      if (isWanted(event.type, event.subject)) give(place, event, 1, token, handed);
    }
    if (looked === LIMITS.scannedEvents) handed.isPart = true;
    if (last > place.place) movePlace.run(last, place.consumer, place.partition);
  }

  /** The partition to begin with: none is always last. */
  let turn = 0;

  function pull(consumer: Consumer, { max }: EventPull): PulledEvents {
    settle(consumer);
    const token = randomUUID();
    const handed: HandedOut = { events: [], partitions: [], bytes: 0, isPart: false };
    const places = placesOf(consumer);
    turn = (turn + 1) % PARTITIONS;
    for (const place of [...places.slice(turn), ...places.slice(0, turn)]) {
      if (handed.events.length >= max || handed.bytes >= LIMITS.readingBytes) break;
      if (place.until <= clock.now()) handOutPartition(consumer, place, max, token, handed);
    }
    return { events: handed.events, token: { id: token, partitions: handed.partitions }, isPart: handed.isPart };
  }

  /** Acknowledges what was handed out of a partition under a token; false: it was handed out again since. */
  function ackPartition(place: PlaceRow, token: string, { failed, returned, backOff }: Acknowledgement): boolean {
    if (place.token !== token) return place.acked === token;
    const { consumer, partition } = place;
    let until = 0;
    for (const pending of selectHanded.all(consumer, partition, token) as unknown as PendingRow[]) {
      const { number, attempts } = pending;
      const id = `${partition}-${number}`;
      if (returned.has(id)) putPending.run(consumer, partition, number, attempts - 1, '');
      else if (!failed.has(id)) dropPending.run(consumer, partition, number);
      else if (!giveUp(place, pending)) until = Math.max(until, clock.now() + retryAfterMs(attempts, backOff));
    }
    rest.run(token, until, consumer, partition);
    return true;
  }

  function ack(consumer: Consumer, { id, partitions }: EventToken, acknowledgement: Acknowledgement) {
    const places = placesOf(consumer).filter(({ partition }) => partitions.includes(partition));
    const done = places.map((place) => ackPartition(place, id, acknowledgement));
    return done.includes(false) ? 'late' : 'acknowledged';
  }

  function redeliver({ key }: Consumer, after: string | null, most: number): number {
    wake.run(key);
    let count = 0;
    for (const partition of ALL) {
      const letters = selectDeadOf.all(key, partition, Number(after ?? 0), most) as unknown as DeadRow[];
      for (const { place, number } of letters) {
        if (!events.at(number)) continue;
        dropDeadOne.run(place);
        putPending.run(key, partition, number, 0, '');
        count += 1;
      }
    }
    return count;
  }

  return {
    readConsumers: async (tenant) =>
      database.read(() => selectAll.all(tenant).map((row) => JSON.parse(row['record'] as string) as ConsumerRecord)),

    async saveConsumer(tenant, consumer, from) {
      const outcome = database.write((): 'saved' | 'full' => {
        const existing = find(tenant, consumer.name);
        const others = selectAll.all(tenant).length;
        if (!existing && others >= LIMITS.consumersPerTenant) return 'full';
        if (existing) update.run(JSON.stringify(consumer), existing.key);
        else {
          const { key } = insert.get(tenant, consumer.name, JSON.stringify(consumer)) as { key: number };
          // Events kept for deleted consumers have an end: it is not a start.
          const isFromStart = from === 'START' && others > 0;
          for (const partition of ALL) begin.run(key, partition, isFromStart ? 0 : events.head(tenant, partition));
        }
        return 'saved';
      });
      if (outcome === 'full') return { outcome };
      events.tenants.add(tenant);
      return { outcome, recordedInMs: 0 };
    },

    async deleteConsumer(tenant, name) {
      const [isDeleted, isLast] = database.write(() => {
        const consumer = find(tenant, name);
        for (const statement of consumer ? remove : []) statement.run((consumer as Consumer).key);
        return [consumer !== null, selectAll.all(tenant).length === 0];
      });
      if (isLast) events.tenants.delete(tenant);
      return isDeleted;
    },

    async pullEvents(tenant, name, wish) {
      return database.write(() => {
        const consumer = find(tenant, name);
        return consumer && pull(consumer, wish);
      });
    },

    async ackEvents(tenant, name, token, failed, { returned, backOff } = AS_PULLED) {
      const acknowledgement = { failed: new Set(failed), returned: new Set(returned), backOff };
      return database.write(() => {
        const consumer = find(tenant, name);
        return consumer ? ack(consumer, token, acknowledgement) : 'not-found';
      });
    },

    async redeliverEvents(tenant, name, after, most) {
      return database.write(() => {
        const consumer = find(tenant, name);
        return consumer && redeliver(consumer, after, most);
      });
    },

    async noteUnreached(tenant, _at, users) {
      database.write(() => {
        if (!events.tenants.has(tenant)) return;
        for (const data of users) events.note(tenant, { type: 'USER_UNREACHED', subject: data.conversationId, data });
      });
    },

    async readProgress(tenant, name) {
      return database.write(() => {
        const consumer = find(tenant, name);
        if (!consumer) return null;
        settle(consumer);
        const isWanted = wantedBy(consumer.record);
        const places = placesOf(consumer);
        const pending = places.flatMap(pendingOf).flatMap(({ number }) => events.at(number) ?? []);
        const count = ({ partition, place }: PlaceRow): number => events.count(tenant, partition, place, isWanted);
        return {
          lag: places.reduce((sum, place) => sum + count(place), 0),
          pending: pending.length,
          oldestPendingAt: pending.length === 0 ? null : Math.min(...pending.map(({ at }) => at)),
          deadLetters: (countDead.get(consumer.key) as { dead: number }).dead,
        };
      });
    },

    async listDeadLetters(tenant, name, after, limit) {
      return database.write(() => {
        const consumer = find(tenant, name);
        if (!consumer) return [];
        settle(consumer);
        const rows = selectDead.all(consumer.key, Number(after ?? 0), limit) as unknown as DeadRow[];
        return rows.map((row): DeadLetter => ({ ...eventOf(row, row.attempts), place: String(row.place) }));
      });
    },

    readArrivals: async () => database.read(() => events.arrivals),
  };
}
