/**
 * Hands out events to the members of a consumer, acknowledges them, and turns them into dead letters. Runs in the
 * caller's transaction.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import {
  type BackOff,
  type EventPull,
  type EventRecord,
  type EventToken,
  PARTITIONS,
  type PulledEvents,
  retryAfterMs,
  wantedBy,
} from '../shared/consumer.ts';
import type { Consumer, ConsumerStatements, DeadRow, PartitionRow, PendingRow } from './consumer-rows.ts';
import { type EventRow, type Events, eventOf } from './events.ts';

/** Every partition. */
export const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

/** The events handed out so far, of all partitions. */
interface HandedOut {
  readonly events: EventRecord[];
  readonly partitions: number[];
  bytes: number;
  /** Whether more events may be available. */
  isPart: boolean;
}

/** Settles events that were handed out, by their ids. */
export interface Acknowledgement {
  readonly failed: ReadonlySet<string>;
  readonly returned: ReadonlySet<string>;
  readonly backOff: BackOff;
}

export class EventPulls {
  readonly #sql: ConsumerStatements;
  readonly #events: Events;
  readonly #clock: Clock;
  readonly #nextKey: () => number;
  /** The partition to begin with; rotates, so that none is always last. */
  #turn = 0;

  /** `nextKey`: the sort key of the next dead letter. */
  constructor(statements: ConsumerStatements, events: Events, clock: Clock, nextKey: () => number) {
    this.#sql = statements;
    this.#events = events;
    this.#clock = clock;
    this.#nextKey = nextKey;
  }

  partitionsOf({ key }: Consumer): PartitionRow[] {
    return this.#sql.selectPartitions.all(key) as unknown as PartitionRow[];
  }

  pendingOf({ consumer, partition }: PartitionRow): PendingRow[] {
    return this.#sql.selectPending.all(consumer, partition) as unknown as PendingRow[];
  }

  #give(row: PartitionRow, event: EventRow, attempt: number, token: string, handed: HandedOut): void {
    const record = eventOf(event, attempt);
    if (record.type === null) return;
    this.#sql.putPending.run(row.consumer, row.partition, event.number, attempt, token);
    handed.events.push(record);
    handed.bytes += event.data.length;
  }

  /**
   * Turns an event whose attempts are used up into a dead letter; `false`: attempts are left. An event past its
   * retention is dropped.
   */
  #giveUp({ consumer, partition }: PartitionRow, { number, attempts }: PendingRow): boolean {
    const event = this.#events.at(number);
    if (event && attempts < LIMITS.eventAttempts) return false;
    this.#sql.dropPending.run(consumer, partition, number);
    if (!event) return true;
    const { type, subject, at, data } = event;
    const key = this.#nextKey();
    this.#sql.putDead.run(key, consumer, number, partition, type, subject, at, data, attempts, this.#clock.now());
    return true;
  }

  /** Turns events into dead letters whose last attempt was not acknowledged. */
  giveUpOverdue(consumer: Consumer): void {
    this.#sql.dropDead.run(this.#clock.now() - TIMES.eventsMs);
    for (const row of this.partitionsOf(consumer)) {
      if (row.until > this.#clock.now()) continue;
      for (const pending of this.pendingOf(row)) this.#giveUp(row, pending);
    }
  }

  /** Hands out the next events of a partition that no member holds. */
  #handOutPartition(consumer: Consumer, row: PartitionRow, max: number, token: string, handed: HandedOut): void {
    const before = handed.events.length;
    const isFull = (): boolean => handed.events.length >= max || handed.bytes >= LIMITS.readingBytes;
    const pending = this.pendingOf(row);
    let isHeld = false;
    for (const { number, attempts } of pending) {
      const event = isFull() ? undefined : this.#events.at(number);
      isHeld = event !== undefined && consumer.newer.includes(event.type);
      if (isHeld) break;
      if (event) this.#give(row, event, attempts + 1, token, handed);
    }
    // New events come after redelivered ones.
    if (!isFull() && !isHeld) this.#scan(consumer, row, token, handed, isFull);
    if (handed.events.length > before) {
      this.#sql.handOut.run(token, this.#clock.now() + TIMES.eventAckMs, row.consumer, row.partition);
      handed.partitions.push(row.partition);
    }
  }

  #scan(consumer: Consumer, row: PartitionRow, token: string, handed: HandedOut, isFull: () => boolean): void {
    const isWanted = wantedBy(consumer);
    let last = row.place;
    let looked = 0;
    for (const event of this.#events.past(consumer.tenant, row.partition, row.place)) {
      if (isFull() || consumer.newer.includes(event.type)) break;
      last = event.number;
      looked += 1;
      if (isWanted(event.type, event.subject)) this.#give(row, event, 1, token, handed);
    }
    if (looked === LIMITS.scannedEvents) handed.isPart = true;
    if (last > row.place) this.#sql.movePartition.run(last, row.consumer, row.partition);
  }

  pull(consumer: Consumer, { max }: EventPull): PulledEvents {
    this.giveUpOverdue(consumer);
    const token = randomUUID();
    const handed: HandedOut = { events: [], partitions: [], bytes: 0, isPart: false };
    const partitions = this.partitionsOf(consumer);
    this.#turn = (this.#turn + 1) % PARTITIONS;
    for (const row of [...partitions.slice(this.#turn), ...partitions.slice(0, this.#turn)]) {
      if (handed.events.length >= max || handed.bytes >= LIMITS.readingBytes) break;
      if (row.until <= this.#clock.now()) this.#handOutPartition(consumer, row, max, token, handed);
    }
    return { events: handed.events, token: { id: token, partitions: handed.partitions }, isPart: handed.isPart };
  }

  /**
   * Acknowledges the events of a partition that were handed out under a token; false: they were handed out again since.
   */
  #ackPartition(row: PartitionRow, token: string, { failed, returned, backOff }: Acknowledgement): boolean {
    if (row.token !== token) return row.acked === token;
    const { consumer, partition } = row;
    let until = 0;
    for (const pending of this.#sql.selectHanded.all(consumer, partition, token) as unknown as PendingRow[]) {
      const { number, attempts } = pending;
      const id = `${partition}-${number}`;
      if (returned.has(id)) this.#sql.putPending.run(consumer, partition, number, attempts - 1, '');
      else if (!failed.has(id)) this.#sql.dropPending.run(consumer, partition, number);
      else if (!this.#giveUp(row, pending))
        until = Math.max(until, this.#clock.now() + retryAfterMs(attempts, backOff));
    }
    this.#sql.rest.run(token, until, consumer, partition);
    return true;
  }

  ack(consumer: Consumer, { id, partitions }: EventToken, acknowledgement: Acknowledgement) {
    const rows = this.partitionsOf(consumer).filter(({ partition }) => partitions.includes(partition));
    const done = rows.map((row) => this.#ackPartition(row, id, acknowledgement));
    return done.includes(false) ? 'late' : 'acknowledged';
  }

  redeliver({ key }: Consumer, after: string | null, most: number): number {
    this.#sql.wake.run(key);
    let count = 0;
    for (const partition of ALL) {
      const letters = this.#sql.selectDeadOf.all(key, partition, Number(after ?? 0), most) as unknown as DeadRow[];
      for (const { place, number } of letters) {
        if (!this.#events.at(number)) continue;
        this.#sql.dropDeadOne.run(place);
        this.#sql.putPending.run(key, partition, number, 0, '');
        count += 1;
      }
    }
    return count;
  }
}
