/** The SQLite file: opened once, by one process, with every write in a transaction (`group-commit.ts`). */
import { randomUUID } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { privateDatabase } from '../../data-folder.ts';
import { unavailable } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Announcement, Channel } from '../port.ts';
import type { EmbeddedBus } from './bus.ts';
import { copyInto, DATABASE } from './copies.ts';
import { type Answer, asUnavailable, GroupCommit, type Written } from './group-commit.ts';
import { MIGRATIONS } from './migrations.ts';
import { WalCheckpoints } from './wal-checkpoints.ts';

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
  /** Commits the writes of this turn at once, and closes the file. */
  close(): Promise<void>;
}

/** An open file. */
interface Opened {
  readonly sqlite: DatabaseSync;
  /** The address at which other threads of this process, and no other process, can open it; null: nobody else can. */
  readonly shared: URL | null;
}

/** Opens `DATA_DIR/realtime.db`, or a database in memory. Fails when another process has it open. */
export function openDatabase(dataDir: string, bus: EmbeddedBus): Database {
  const { sqlite, shared } = openPrepared(dataDir);
  let isOpen = true;
  let note: Announce = () => undefined;
  const checkpoints = shared && new WalCheckpoints(sqlite, shared, (work) => groups.read(work));
  const groups = new GroupCommit(sqlite, (writes) => checkpoints?.committed(writes));

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
    async close() {
      if (!isOpen) return;
      groups.commit();
      isOpen = false;
      if (checkpoints?.isBegun) await checkpoints.close();
      sqlite.close();
      openFolders.delete(dataDir);
    },
  };
}

/**
 * Opens the file for this process alone. With the VFS `unix-excl` SQLite locks it against other processes, but not against
 * other connections of this one, and keeps what these share in memory: a file for it could not be created on a full disk.
 * Windows lacks this VFS, and Node before 22.15 cannot name it. There the file has one connection.
 */
function openFile(dataDir: string): Opened {
  if (dataDir === ':memory:') return { sqlite: new DatabaseSync(dataDir), shared: null };
  const path = privateDatabase(dataDir, DATABASE);
  const shared = pathToFileURL(path);
  shared.searchParams.set('vfs', 'unix-excl');
  try {
    return { sqlite: new DatabaseSync(shared), shared };
  } catch {
    return { sqlite: new DatabaseSync(path), shared: null };
  }
}

/** The folders whose file this process has open. */
const openFolders = new Set<string>();

function openPrepared(dataDir: string): Opened {
  const refused = (cause: unknown): Error => {
    const { message: reason } = cause as Error;
    const text = `The data folder ${dataDir} cannot be used (${reason}); is another process running on it?`;
    return new Error(text, { cause });
  };
  if (openFolders.has(dataDir)) throw refused(new Error('database is locked'));
  const opened = openFile(dataDir);
  try {
    prepareFile(opened);
  } catch (error) {
    opened.sqlite.close();
    throw refused(error);
  }
  if (opened.shared) openFolders.add(dataDir);
  return opened;
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
function prepareFile({ sqlite, shared }: Opened): void {
  if (!shared) sqlite.exec('PRAGMA locking_mode = EXCLUSIVE;');
  // Before the first table, since it is a property of the file.
  sqlite.exec('PRAGMA auto_vacuum = INCREMENTAL;');
  sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  // Checkpoints within commits, which wait for the disk: only when those of `wal-checkpoints.ts` do not suffice.
  sqlite.exec(`PRAGMA wal_autocheckpoint = ${shared ? 12_000 : 4_000}; PRAGMA journal_size_limit = 67108864;`);
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
  // Another connection takes a lock for microseconds when it meets a commit. Last, so that a second process is refused at once.
  if (shared) sqlite.exec('PRAGMA busy_timeout = 1000;');
}
