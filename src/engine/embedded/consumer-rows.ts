/** The rows of consumers, and the statements over them. */
import type { TenantId } from '../../model.ts';
import type { ReadConsumer } from '../shared/consumer.ts';
import type { Database } from './database.ts';
import type { EventRow } from './events.ts';

export interface Consumer extends ReadConsumer {
  readonly key: number;
  readonly tenant: TenantId;
}

export interface PartitionRow {
  readonly consumer: number;
  readonly partition: number;
  readonly place: number;
  readonly token: string | null;
  readonly acked: string | null;
  readonly until: number;
}

export interface PendingRow {
  readonly number: number;
  readonly attempts: number;
}

export type DeadRow = EventRow & { readonly place: number; readonly attempts: number };

export type ConsumerStatements = ReturnType<typeof prepareConsumerStatements>;

export function prepareConsumerStatements(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    selectAll: prepare('SELECT record FROM consumers WHERE tenant = ?'),
    selectOne: prepare('SELECT key, record FROM consumers WHERE tenant = ? AND name = ?'),
    insert: prepare('INSERT INTO consumers (tenant, name, record) VALUES (?, ?, ?) RETURNING key'),
    update: prepare('UPDATE consumers SET record = ? WHERE key = ?'),
    remove: [
      'DELETE FROM consumers WHERE key = ?',
      ...['consumer_places', 'pending_events', 'dead_events'].map((table) => `DELETE FROM ${table} WHERE consumer = ?`),
    ].map(prepare),
    begin: prepare('INSERT INTO consumer_places (consumer, partition, place) VALUES (?, ?, ?)'),
    selectPartitions: prepare('SELECT * FROM consumer_places WHERE consumer = ? ORDER BY partition'),
    movePartition: prepare('UPDATE consumer_places SET place = ? WHERE consumer = ? AND partition = ?'),
    handOut: prepare('UPDATE consumer_places SET token = ?, until = ? WHERE consumer = ? AND partition = ?'),
    rest: prepare('UPDATE consumer_places SET token = NULL, acked = ?, until = ? WHERE consumer = ? AND partition = ?'),
    selectPending: prepare(
      'SELECT number, attempts FROM pending_events WHERE consumer = ? AND partition = ? ORDER BY number',
    ),
    selectHanded: prepare(
      'SELECT number, attempts FROM pending_events WHERE consumer = ? AND partition = ? AND token = ?',
    ),
    putPending: prepare('INSERT OR REPLACE INTO pending_events VALUES (?, ?, ?, ?, ?)'),
    dropPending: prepare('DELETE FROM pending_events WHERE consumer = ? AND partition = ? AND number = ?'),
    putDead: prepare(
      `INSERT INTO dead_events (place, consumer, number, partition, type, subject, at, data, attempts, died_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    dropDead: prepare('DELETE FROM dead_events WHERE died_at <= ?'),
    countDead: prepare('SELECT count(*) AS dead FROM dead_events WHERE consumer = ?'),
    selectDead: prepare('SELECT * FROM dead_events WHERE consumer = ? AND place > ? ORDER BY place LIMIT ?'),
    selectDeadOf: prepare(
      'SELECT * FROM dead_events WHERE consumer = ? AND partition = ? AND place > ? ORDER BY place LIMIT ?',
    ),
    dropDeadOne: prepare('DELETE FROM dead_events WHERE place = ?'),
    wake: prepare('UPDATE consumer_places SET until = 0 WHERE consumer = ? AND token IS NULL'),
  };
}
