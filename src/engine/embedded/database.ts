/** The SQLite file: opened once, by one process, with every write in a transaction. */
import { randomUUID } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { privateDatabase } from '../../data-folder.ts';
import { ServiceError, unavailable } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Announcement, Channel } from '../port.ts';
import type { EmbeddedBus } from './bus.ts';
import { copyInto, DATABASE } from './copies.ts';
import { MIGRATIONS } from './migrations.ts';

/** The value of `auto_vacuum` with which free pages can be returned to the disk. */
const INCREMENTAL = 2;

export type Announce = (channel: Channel, announcement: Announcement) => void;

export interface Database {
  /**
   * Identifies this opening of the file. After a restore the next append finds a different fence and begins a new
   * epoch, so the restored log is not taken for the original.
   */
  readonly fence: string;
  prepare(sql: string): StatementSync;
  read<Result>(work: () => Result): Result;
  /** Runs `work` in one transaction. Its announcements go out after the commit. */
  write<Result>(work: (announce: Announce) => Result): Result;
  /** Calls `note` for every announcement, inside the transaction that causes it. */
  noteEach(note: Announce): void;
  /** Copies the database into a new file while it is used. */
  copyInto(path: string): Promise<void>;
  /** Returns up to `most` free pages to the disk, once an eighth of the file is free. */
  giveBackPages(most: number): void;
  close(): void;
}

/** Opens `DATA_DIR/realtime.db`, or a database in memory. Fails when another process has it open. */
export function openDatabase(dataDir: string, bus: EmbeddedBus): Database {
  const isMemory = dataDir === ':memory:';
  const sqlite = new DatabaseSync(isMemory ? ':memory:' : privateDatabase(dataDir, DATABASE));
  let isOpen = true;
  let note: Announce = () => undefined;
  try {
    prepareFile(sqlite);
  } catch (error) {
    sqlite.close();
    const { message: reason } = error as Error;
    throw new Error(`The data folder ${dataDir} cannot be used (${reason}); is another process running on it?`, {
      cause: error,
    });
  }

  function guard<Result>(work: () => Result): Result {
    if (!isOpen) throw unavailable();
    try {
      return work();
    } catch (error) {
      throw error instanceof ServiceError ? error : unavailable(error);
    }
  }

  return {
    fence: randomUUID(),
    prepare: (sql) => sqlite.prepare(sql),
    read: guard,
    write(work) {
      const announcements: [Channel, Announcement][] = [];
      const result = guard(() => {
        sqlite.exec('BEGIN IMMEDIATE');
        try {
          const answer = work((channel, announcement) => {
            note(channel, announcement);
            announcements.push([channel, announcement]);
          });
          sqlite.exec('COMMIT');
          return answer;
        } catch (error) {
          if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
          throw error;
        }
      });
      for (const [channel, announcement] of announcements) bus.announce(channel, announcement);
      return result;
    },
    noteEach(noted) {
      note = noted;
    },
    giveBackPages: (most) => guard(() => giveBackPages(sqlite, most)),
    copyInto: (path) => copyInto(sqlite, path),
    close() {
      if (!isOpen) return;
      isOpen = false;
      sqlite.close();
    },
  };
}

const numberOf = (sqlite: DatabaseSync, pragma: string): number =>
  Number(Object.values(sqlite.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] ?? 0);

/** Leaves a share free for the next writes, since shrinking and growing all the time costs more than the space. */
function giveBackPages(sqlite: DatabaseSync, most: number): void {
  const free = numberOf(sqlite, 'freelist_count');
  const surplus = free - Math.floor(numberOf(sqlite, 'page_count') / 8);
  if (surplus > 0) sqlite.exec(`PRAGMA incremental_vacuum(${Math.min(surplus, most)})`);
}

/** Lets the file of an older release return free pages, too: it is rewritten once, if that takes seconds at most. */
function makeShrinkable(sqlite: DatabaseSync): void {
  if (numberOf(sqlite, 'auto_vacuum') === INCREMENTAL) return;
  if (numberOf(sqlite, 'page_count') * numberOf(sqlite, 'page_size') > LIMITS.rewrittenBytes) return;
  sqlite.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM;');
}

/** WAL with NORMAL: a committed transaction survives the death of the process, not of the machine. */
function prepareFile(sqlite: DatabaseSync): void {
  // First, so that SQLite needs no shared-memory file, for which a full disk has no space.
  sqlite.exec('PRAGMA locking_mode = EXCLUSIVE;');
  // Before the first table, since it is a property of the file.
  sqlite.exec('PRAGMA auto_vacuum = INCREMENTAL;');
  sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  sqlite.exec('PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;');
  const row = sqlite.prepare('PRAGMA user_version').get() as { user_version: number };
  const pending = MIGRATIONS.slice(row.user_version);
  if (row.user_version > MIGRATIONS.length)
    throw new Error(
      `it was written by a newer release: schema ${row.user_version}; this release supports up to ${MIGRATIONS.length}`,
    );
  sqlite.exec('BEGIN EXCLUSIVE');
  for (const step of pending) sqlite.exec(step);
  sqlite.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  sqlite.exec('COMMIT');
  makeShrinkable(sqlite);
}
