/**
 * The system's clock, which a test may move forward, or set.
 *
 * A turn that the process had to wait for is no time: a client of the same process had none either to do its part by.
 */
import { behindArrivals, type Clock } from '../../src/clock.ts';

const SHOWN = 120;
/** Looked at so often, time is at most so much from one look to the next, however long the process waited for its turn. */
const LOOK_MS = 50;
const TURN_MS = 200;

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
}

declare global {
  /** Those of this file, for the look at what it left behind. */
  var testClocks: TestClock[] | undefined;
}

export class TestClock implements MovableClock {
  #offset = 0;
  #jumped = 0;
  #passed = 0;
  #lookedAt = performance.now();
  #looking: NodeJS.Timeout | null = null;
  readonly #tasks = new Set<Task>();

  constructor() {
    globalThis.testClocks ??= [];
    globalThis.testClocks.push(this);
  }

  now(): number {
    return Date.now() + this.#offset + this.#jumped;
  }

  elapsed(): number {
    return this.#look() + this.#offset;
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

  /** Answers what time has passed. Nobody looks while no timer runs: all of it has, then. */
  #look(): number {
    const now = performance.now();
    const passed = now - this.#lookedAt;
    this.#passed += this.#looking ? Math.min(passed, TURN_MS) : passed;
    this.#lookedAt = now;
    return this.#passed;
  }

  #start(delayMs: number, run: () => void, named: () => void): () => void {
    let stopWaiting = (): void => undefined;
    const entry: Task = {
      dueAt: this.elapsed() + delayMs,
      named,
      run: () => {
        cancel();
        run();
      },
    };
    const wait = (ms: number): void => {
      const timer = setTimeout(() => {
        stopWaiting = behindArrivals(() => {
          const leftMs = entry.dueAt - this.elapsed();
          if (leftMs > 0) wait(leftMs);
          else entry.run();
        });
      }, ms);
      timer.unref();
      stopWaiting = () => clearTimeout(timer);
    };
    const cancel = (): void => {
      stopWaiting();
      this.#tasks.delete(entry);
      if (this.#tasks.size > 0 || !this.#looking) return;
      this.#look();
      clearInterval(this.#looking);
      this.#looking = null;
    };
    this.#tasks.add(entry);
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
    wait(delayMs);
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
