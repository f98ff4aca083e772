/** Numbers of events: they grow, and do not reveal how many events other tenants had. */
import { randomInt } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { Database } from './database.ts';

/** Of a millisecond. */
const PARTS = 1_000;

/** The next number of a table. It is the time, with a random end; after the clock went back, one more than the last. */
export function createNumbers(database: Database, table: string, clock: Clock): () => number {
  const row = database.prepare('SELECT seq AS last FROM sqlite_sequence WHERE name = ?').get(table);
  let last = (row as { last: number } | undefined)?.last ?? 0;
  return () => {
    last = Math.max(last + 1, Math.floor(clock.now()) * PARTS + randomInt(PARTS));
    return last;
  };
}
