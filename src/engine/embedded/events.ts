/** Events for consumers, in SQLite: stored in the transaction of the change. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { TenantId } from '../../model.ts';
import type { Unread } from '../shared/closed.ts';
import { type EventRecord, type Happening, type NewerEvent, partitionOf } from '../shared/consumer.ts';
import { happeningOf } from '../shared/happening.ts';
import { readEvent } from '../shared/stored-records.ts';
import type { Database } from './database.ts';
import { createNumbers } from './event-numbers.ts';

/** Every so many new events, twice as many old ones are dropped, so that no transaction takes long. */
const PER_DROP = 50;
const DROPPED = 2 * PER_DROP;

export interface EventRow {
  readonly number: number;
  readonly partition: number;
  readonly type: string;
  readonly subject: string;
  readonly at: number;
  readonly data: string;
}

export interface Events {
  /** The tenants whose events are stored: those with a consumer. */
  readonly tenants: Set<TenantId>;
  /** The number of the last event of a partition; 0: none. */
  head(tenant: TenantId, partition: number): number;
  at(number: number): EventRow | undefined;
  /** The events past a number, read lazily. */
  past(tenant: TenantId, partition: number, number: number): Iterable<EventRow>;
  /** Counts the wanted events among the first `LIMITS.countedEvents` past a number. */
  count(
    tenant: TenantId,
    partition: number,
    number: number,
    isWanted: (type: string, subject: string) => boolean,
  ): number;
  /** Stores an event if its tenant has a consumer. */
  note(tenant: TenantId, happening: Happening): void;
  /** Changes with each event. */
  readonly arrivals: string;
}

export function eventOf(row: EventRow, attempt: number): EventRecord | NewerEvent {
  const { number, partition, type, subject, at, data } = row;
  const record = { id: `${partition}-${number}`, type, subject, at, data: JSON.parse(data), attempt };
  return readEvent(record as unknown as Unread<EventRecord>);
}

export function createEvents(database: Database, clock: Clock): Events {
  const insert = database.prepare(
    'INSERT INTO events (number, tenant, partition, type, subject, at, data) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const nextNumber = createNumbers(database, 'events', clock);
  const dropOld = database.prepare(
    'DELETE FROM events WHERE number IN (SELECT number FROM events WHERE at <= ? ORDER BY at LIMIT ?)',
  );
  const selectOne = database.prepare('SELECT * FROM events WHERE number = ?');
  const selectHead = database.prepare('SELECT max(number) AS head FROM events WHERE tenant = ? AND partition = ?');
  const selectPast = database.prepare(
    'SELECT * FROM events WHERE tenant = ? AND partition = ? AND number > ? AND at > ? ORDER BY number LIMIT ?',
  );
  const selectKinds = database.prepare(
    'SELECT type, subject FROM events WHERE tenant = ? AND partition = ? AND number > ? AND at > ? ORDER BY number LIMIT ?',
  );
  const tenants = new Set(
    database
      .prepare('SELECT DISTINCT tenant FROM consumers')
      .all()
      .map((row) => row['tenant'] as TenantId),
  );
  let arrivals = 0;

  database.noteEach(({ tenant }, announcement) => {
    if (!tenants.has(tenant)) return;
    const happening = happeningOf(announcement);
    if (happening) note(tenant, happening);
  });

  function note(tenant: TenantId, { type, subject, data }: Happening): void {
    const now = clock.now();
    insert.run(nextNumber(), tenant, partitionOf(subject), type, subject, now, JSON.stringify(data));
    // Doing this for each event would double its cost.
    if (arrivals % PER_DROP === 0) dropOld.run(now - TIMES.eventsMs, DROPPED);
    arrivals += 1;
  }

  const oldest = (): number => clock.now() - TIMES.eventsMs;
  return {
    tenants,
    head: (tenant, partition) => (selectHead.get(tenant, partition) as { head: number | null }).head ?? 0,
    at: (number) => {
      const row = selectOne.get(number) as unknown as EventRow | undefined;
      return row && row.at > oldest() ? row : undefined;
    },
    past: (tenant, partition, number) =>
      selectPast.iterate(tenant, partition, number, oldest(), LIMITS.scannedEvents) as Iterable<never>,
    count(tenant, partition, number, isWanted) {
      let counted = 0;
      const rows = selectKinds.iterate(tenant, partition, number, oldest(), LIMITS.countedEvents);
      for (const row of rows as Iterable<EventRow>) if (isWanted(row.type, row.subject)) counted += 1;
      return counted;
    },
    note,
    get arrivals() {
      return String(arrivals);
    },
  };
}
