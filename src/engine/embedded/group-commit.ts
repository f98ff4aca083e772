/**
 * Group commit: the writes of one turn of the event loop share one transaction and one commit.
 *
 * A write runs at once, in the open transaction. The transaction is committed at the end of the turn, or earlier when it
 * is full, or within the call while turns have one write (`Deferral`). Then the group's announcements go out, in the
 * order of its writes, and after these the writes are answered. So nothing is acknowledged, announced or delivered that
 * is not committed.
 *
 * Each write but the first has a savepoint: a write that fails changes nothing, and the others are not affected. A
 * commit that fails is rolled back, and every write of the group fails with its error. SQLite may also roll the whole
 * transaction back when a single statement fails, since the disk is full for example. This fails the group as well.
 *
 * A read never sees rows that are not committed, since these may disappear: their positions would then name two events
 * (G04). While a transaction is open a read waits for its end. An alternative is to commit before each read, but reads
 * and writes of several clients alternate in a turn, so that most groups would have one write.
 *
 * Commit and announcements are one synchronous step, as they were without groups: what a read finds in a log has been
 * announced, or is being announced in the same step.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DatabaseSync } from 'node:sqlite';
import { ServiceError, unavailable } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';

/** A result, or its promise when it waits for a commit. */
export type Answer<Result> = Result | Promise<Result>;

/** A write that has run, and waits for the commit. */
interface Pending {
  /** Announces and answers it. */
  committed(): void;
  failed(error: Error): void;
}

interface Group {
  readonly writes: Pending[];
  /** Reads that wait for the end of the transaction. */
  readonly reads: (() => void)[];
  /** Null: it is committed within the call. */
  readonly turn: NodeJS.Immediate | null;
}

/** The outcome of a write, with the functions that send its announcements. */
export interface Written<Result> {
  readonly result: Result;
  readonly announcements: readonly (() => void)[];
}

/** The error of an operation whose statement or commit failed. */
export const asUnavailable = (error: unknown): ServiceError =>
  error instanceof ServiceError ? error : unavailable(error);

/**
 * Decides which writes wait for others. A writer that sends its next write after the answer to the last one would wait
 * for the end of a turn each time, and share the commit with nobody. So after turns with one write, the next 1, 3, 7 …
 * writes are committed within the call, up to a cap.
 */
class Deferral {
  #atOnce = 0;
  #most = 1;

  /** Whether the next write waits for the end of its turn. Counts the write. */
  takeNext(): 'waits' | 'at once' {
    if (this.#atOnce === 0) return 'waits';
    this.#atOnce -= 1;
    return 'at once';
  }

  /** A write waited for the end of its turn; `writes`: how many shared its commit. */
  waited(writes: number): void {
    if (writes > 1) this.#most = 1;
    else {
      this.#atOnce = this.#most - 1;
      this.#most = Math.min(2 * this.#most, LIMITS.groupedWrites);
    }
  }
}

export class GroupCommit {
  readonly #sqlite: DatabaseSync;
  readonly #sql: Readonly<Record<'begin' | 'commit' | 'save' | 'release', () => void>>;
  /** Runs a function outside the context of the write that opened the group, such as its trace. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #group: Group | null = null;
  readonly #deferral = new Deferral();
  /** Called with the number of writes of each commit. */
  readonly #onCommit: (writes: number) => void;
  /** Running works of `separately`. */
  #separate = 0;

  constructor(sqlite: DatabaseSync, onCommit: (writes: number) => void) {
    this.#sqlite = sqlite;
    this.#onCommit = onCommit;
    const prepared = (sql: string): (() => void) => {
      const statement = sqlite.prepare(sql);
      return () => void statement.run();
    };
    this.#sql = {
      begin: prepared('BEGIN IMMEDIATE'),
      commit: prepared('COMMIT'),
      save: prepared('SAVEPOINT one'),
      release: prepared('RELEASE one'),
    };
  }

  /** Runs `work` in the open transaction. Resolves after the commit. */
  write<Result>(work: () => Written<Result>): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    try {
      const [group, { result, announcements }] = this.#run(work);
      group.writes.push({
        committed() {
          for (const announce of announcements) announce();
          resolve(result);
        },
        failed: reject,
      });
      if (group.turn === null || group.writes.length >= LIMITS.groupedWrites) this.commit();
    } catch (error) {
      reject(asUnavailable(error));
    }
    return promise;
  }

  /** Runs `work` now, or after the commit of the open transaction. */
  read<Result>(work: () => Answer<Result>): Answer<Result> {
    const reads = this.#group?.reads;
    if (!reads) return work();
    return new Promise((resolve, reject) => {
      reads.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Commits the open transaction, if there is one. */
  commit(): void {
    const group = this.#group;
    if (!group) return;
    try {
      this.#sql.commit();
    } catch (error) {
      return this.#fail(group, error);
    }
    this.#end(group, (write) => write.committed());
    this.#onCommit(group.writes.length);
  }

  /** Commits each write alone until `work` has ended: `work` needs moments at which no transaction is open. */
  async separately<Result>(work: () => Promise<Result>): Promise<Result> {
    this.commit();
    this.#separate += 1;
    try {
      return await work();
    } finally {
      this.#separate -= 1;
    }
  }

  #run<Result>(work: () => Result): [Group, Result] {
    const { begin, save, release } = this.#sql;
    const open = this.#group;
    if (!open) begin();
    try {
      if (open) save();
      const result = work();
      if (open) release();
      return [open ?? this.#open(), result];
    } catch (error) {
      this.#undo(open, error);
      throw error;
    }
  }

  #open(): Group {
    const waits = this.#separate === 0 && this.#deferral.takeNext() === 'waits';
    this.#group = { writes: [], reads: [], turn: waits ? setImmediate(() => this.#endTurn()) : null };
    return this.#group;
  }

  #endTurn(): void {
    this.#deferral.waited(this.#group?.writes.length ?? 0);
    this.commit();
  }

  /** Undoes the changes of a write that failed. */
  #undo(group: Group | null, cause: unknown): void {
    if (!group) return this.#rollBack();
    try {
      // Fails when SQLite has already rolled the transaction back.
      this.#sqlite.exec('ROLLBACK TO one; RELEASE one');
    } catch {
      this.#fail(group, cause);
    }
  }

  #rollBack(): void {
    try {
      this.#sqlite.exec('ROLLBACK');
    } catch {
      // SQLite has already rolled it back.
    }
  }

  #fail(group: Group, cause: unknown): void {
    this.#rollBack();
    const error = asUnavailable(cause);
    this.#end(group, (write) => write.failed(error));
  }

  #end(group: Group, answer: (write: Pending) => void): void {
    this.#group = null;
    if (group.turn) clearImmediate(group.turn);
    this.#outside(() => {
      for (const write of group.writes) {
        try {
          answer(write);
        } catch (error) {
          write.failed(error as Error);
        }
      }
      for (const read of group.reads) read();
    });
  }
}
