/** A thread that writes the pages of the write-ahead log into the database, and waits for the disk meanwhile. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** The pages in the log after a pass; null: the pass failed. */
export type Pass = number | null;

const database = new DatabaseSync(new URL(workerData as string));
// The log is truncated by the other connection.
database.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL;');
const checkpoint = database.prepare('PRAGMA wal_checkpoint(PASSIVE)');

function pass(): Pass {
  try {
    return Number((checkpoint.get() as { log: number }).log);
  } catch {
    return null;
  }
}

parentPort?.on('message', () => parentPort?.postMessage(pass()));
