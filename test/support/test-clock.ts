/** The system's clock, which a test may move forward, or set. */
import type { Clock } from '../../src/clock.ts';

const SHOWN = 120;

/** A clock that a test moves. */
export interface MovableClock extends Clock {
  /** Sets it forward or back: dates change, no time passes. */
  jump(ms: number): void;
  /** Moves time forward and runs what became due. */
  advance(ms: number): void;
}

interface Task {
  readonly dueAt: number;
  /** What it is known by. */
  readonly named: () => void;
  readonly run: () => void;
  readonly timer: NodeJS.Timeout;
}

declare global {
  /** Those of this file, for the look at what it left behind. */
  var testClocks: TestClock[] | undefined;
}

export class TestClock implements MovableClock {
  #offset = 0;
  #jumped = 0;
  readonly #tasks = new Set<Task>();

  constructor() {
    globalThis.testClocks ??= [];
    globalThis.testClocks.push(this);
  }

  now(): number {
    return Date.now() + this.#offset + this.#jumped;
  }

  elapsed(): number {
    return performance.now() + this.#offset;
  }

  offset(): number {
    return this.#offset;
  }

  /** Timers that have not run yet. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** The source of each of them, cut short. */
  get waiting(): string[] {
    return [...this.#tasks].map(({ named }) => named.toString().replace(/\s+/g, ' ').slice(0, SHOWN));
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#start(delayMs, task, task);
  }

  every(intervalMs: number, task: () => void): () => void {
    let cancel = (): void => undefined;
    const again = (): void => {
      const run = (): void => {
        again();
        task();
      };
      cancel = this.#start(intervalMs, run, task);
    };
    again();
    return () => cancel();
  }

  #start(delayMs: number, run: () => void, named: () => void): () => void {
    const entry: Task = {
      dueAt: this.elapsed() + delayMs,
      named,
      run: () => {
        cancel();
        run();
      },
      timer: setTimeout(() => entry.run(), delayMs),
    };
    const cancel = (): void => {
      clearTimeout(entry.timer);
      this.#tasks.delete(entry);
    };
    entry.timer.unref();
    this.#tasks.add(entry);
    return cancel;
  }

  /** Sets this clock forward or back: dates change, no time passes. */
  jump(ms: number): void {
    this.#jumped += ms;
  }

  /** Moves time forward and runs, in order, what became due. */
  advance(ms: number): void {
    this.#offset += ms;
    const due = [...this.#tasks].filter(({ dueAt }) => dueAt <= this.elapsed()).sort((a, b) => a.dueAt - b.dueAt);
    for (const task of due) if (this.#tasks.has(task)) task.run();
  }
}
