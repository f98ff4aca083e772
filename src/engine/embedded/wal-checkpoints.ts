/**
 * Checkpoints of the embedded database, in a thread of their own.
 *
 * A checkpoint waits for the disk twice, for 5 to 40 milliseconds. In the main thread it would delay every client. So a
 * second connection to the file makes it (`checkpoint-thread.ts`), while the first one reads and writes. The log begins
 * again only after a checkpoint during which nothing was written. Under constant writes there is none, so once the log
 * is long, the main thread makes the checkpoint of the few pages that were written during the last one.
 *
 * What a commit promises does not depend on the thread: without it, SQLite makes checkpoints within commits
 * (`wal_autocheckpoint`), less often.
 */
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { LIMITS } from '../../limits.ts';
import type { Pass } from './checkpoint-thread.ts';

// TypeScript in the repository, compiled in the package.
const THREAD = new URL(`./checkpoint-thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
const MEMORY = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

export class WalCheckpoints {
  readonly #sqlite: DatabaseSync;
  readonly #url: URL;
  /** Runs a function while no transaction is open. */
  readonly #between: (work: () => void) => unknown;
  #thread: Worker | null = null;
  #isRunning = false;
  #isOver = false;
  #writes = 0;

  constructor(sqlite: DatabaseSync, url: URL, between: (work: () => void) => unknown) {
    this.#sqlite = sqlite;
    this.#url = url;
    this.#between = between;
  }

  /** Whether there is a thread. */
  get isBegun(): boolean {
    return this.#thread !== null;
  }

  /** Some writes were committed. */
  committed(writes: number): void {
    this.#writes += writes;
    if (this.#writes < LIMITS.checkpointedWrites || this.#isRunning || this.#isOver) return;
    this.#writes = 0;
    this.#isRunning = true;
    this.#thread ??= this.#start();
    this.#thread.postMessage(null);
  }

  #start(): Worker {
    const thread = new Worker(THREAD, { workerData: this.#url.href, resourceLimits: MEMORY });
    thread.unref();
    const end = (): void => {
      this.#isOver = true;
    };
    return thread
      .on('message', (log: Pass) => this.#passed(log))
      .on('error', end)
      .on('exit', end);
  }

  #passed(log: Pass): void {
    this.#isRunning = false;
    if (log === null || log < LIMITS.longLogPages) return;
    this.#between(() => {
      if (!this.#isOver) this.#sqlite.exec('PRAGMA wal_checkpoint(PASSIVE)');
    });
  }

  /** Ends the thread; resolves once its connection is closed. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#thread?.terminate();
  }
}
