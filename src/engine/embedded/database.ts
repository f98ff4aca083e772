/** The SQLite file: opened once, by one process, with every write in a transaction (`group-commit.ts`). */
import { randomUUID } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { privateDatabase } from '../../data-folder.ts';
import { unavailable } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Announcement, Channel } from '../port.ts';
import type { EmbeddedBus } from './bus.ts';
import { copyInto, DATABASE } from './copies.ts';
import { type Answer, asUnavailable, GroupCommit, type Written } from './group-commit.ts';
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
  /** Runs `work` on committed data: at once, or after the commit of the writes of this turn. */
  read<Result>(work: () => Answer<Result>): Answer<Result>;
  /**
   * Runs `work` at once, completely or not at all. Resolves after the commit, with which its announcements go out;
   * rejects if either failed.
   */
  write<Result>(work: (announce: Announce) => Result): Promise<Result>;
  /** Calls `note` for every announcement, inside the transaction that causes it. */
  noteEach(note: Announce): void;
  /** Copies the database into a new file while it is used. */
  copyInto(path: string): Promise<void>;
  /** Returns up to `most` free pages to the disk, once an eighth of the file is free. */
  giveBackPages(most: number): Answer<void>;
  /** Commits the writes of this turn, and closes the file. */
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

  const groups = new GroupCommit(sqlite);

  function guard<Result>(work: () => Result): Result {
    if (!isOpen) throw unavailable();
    try {
      return work();
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  function run<Result>(work: (announce: Announce) => Result): Written<Result> {
    const announcements: (() => void)[] = [];
    const result = work((channel, announcement) => {
      note(channel, announcement);
      announcements.push(bus.announceLater(channel, announcement));
    });
    return { result, announcements };
  }

  const read = <Result>(work: () => Answer<Result>): Answer<Result> => groups.read(() => guard(work));

  return {
    fence: randomUUID(),
    prepare: (sql) => sqlite.prepare(sql),
    read,
    write: (work) => guard(() => groups.write(() => run(work))),
    noteEach(noted) {
      note = noted;
    },
    giveBackPages: (most) => read(() => giveBackPages(sqlite, most)),
    copyInto: (path) => groups.separately(() => copyInto(sqlite, path)),
    close() {
      if (!isOpen) return;
      groups.commit();
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
  // Savepoints copy earlier pages to memory, not to a file. After the rewriting, which would take as much memory.
  sqlite.exec('PRAGMA temp_store = MEMORY;');
}
