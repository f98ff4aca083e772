/** Copies of the database: written while it is open, and restored while it is closed. */
import { closeSync, copyFileSync, existsSync, openSync, renameSync, rmSync } from 'node:fs';
import * as sqlite from 'node:sqlite';
import { FILE_MODE, privateDatabase } from '../../data-folder.ts';
import { MIGRATIONS } from './migrations.ts';

export const DATABASE = 'realtime.db';
/** Pages copied at a time: one or two milliseconds. Clients are served in between. */
const PAGES = 256;
/** Error codes of a first step that met an open transaction: 0, as Node reports it, SQLITE_BUSY and SQLITE_LOCKED. */
const NOTHING_COPIED = new Set([0, 5, 6]);
/** A transaction lasts about a millisecond, so more failures in a row have another cause. */
const MOST_TRIES = 1_000;
/** Files that SQLite keeps beside a database. SQLite would take those of another database for its own. */
const BESIDE = ['', '-wal', '-shm', '-journal'];

/** Copies an open database into a new file, completely or not at all. */
export async function copyInto(database: sqlite.DatabaseSync, path: string): Promise<void> {
  if (existsSync(path)) throw new Error(`${path} already exists.`);
  if (sqlite.backup === undefined) throw new Error('A backup while the service runs needs Node 22.16 or later.');
  const part = `${path}.part`;
  closeSync(openSync(part, 'w', FILE_MODE));
  try {
    await copyPages(database, part);
    makeWhole(part);
    renameSync(part, path);
  } catch (error) {
    for (const ending of BESIDE) rmSync(part + ending, { force: true });
    throw error;
  }
}

/**
 * Copies step by step, on another thread. A step that meets an open transaction copies nothing. SQLite repeats it,
 * except that Node rejects when it is the first step (`BackupJob::AfterThreadPoolWork`), with the code 0: "not an
 * error".
 */
async function copyPages(database: sqlite.DatabaseSync, path: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await sqlite.backup(database, path, { rate: PAGES });
      return;
    } catch (error) {
      const { errcode } = error as { errcode?: number };
      if (errcode === undefined || !NOTHING_COPIED.has(errcode) || tries === MOST_TRIES) throw error;
    }
  }
}

/** Turns the copy into a single file, with none beside it. */
function makeWhole(path: string): void {
  const copy = new sqlite.DatabaseSync(path);
  try {
    copy.exec('PRAGMA journal_mode = DELETE');
  } finally {
    copy.close();
  }
}

/** @throws {Error} with the fault of a copy. */
export function checkCopy(path: string): void {
  if (!existsSync(path)) throw new Error(`${path} does not exist.`);
  const copy = new sqlite.DatabaseSync(path, { readOnly: true });
  try {
    const { user_version: version } = copy.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version === 0) throw new Error(`${path} is not a database of this service.`);
    if (version > MIGRATIONS.length) throw new Error(`${path} was written by a newer release (schema ${version}).`);
    const { quick_check: found } = copy.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (found !== 'ok') throw new Error(`${path} is damaged: ${found}`);
  } finally {
    copy.close();
  }
}

/**
 * Replaces the database by a copy. Returns the new path of the earlier database; null: there was none.
 *
 * @throws {Error} when the copy cannot be used, or a process uses the folder.
 */
export function putBack(path: string, dataDir: string): string | null {
  checkCopy(path);
  const target = privateDatabase(dataDir, DATABASE);
  const present = new sqlite.DatabaseSync(target);
  let isEmpty: boolean;
  try {
    // A running process holds a lock, on which this fails.
    present.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;');
    isEmpty = (present.prepare('PRAGMA user_version').get() as { user_version: number }).user_version === 0;
  } catch (error) {
    throw new Error(`${dataDir} is in use (${(error as Error).message}): stop the service first.`);
  } finally {
    present.close();
  }
  const before = `${target}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  for (const ending of BESIDE) {
    if (isEmpty) rmSync(target + ending, { force: true });
    else if (existsSync(target + ending)) renameSync(target + ending, before + ending);
  }
  const part = privateDatabase(dataDir, `${DATABASE}.part`);
  copyFileSync(path, part);
  renameSync(part, target);
  return isEmpty ? null : before;
}
