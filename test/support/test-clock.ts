/** The system's clock, which a test may move forward, or set. */
import type { Clock } from '../../src/clock.ts';

interface Task {
  readonly dueAt: number;
  readonly run: () => void;
  readonly timer: NodeJS.Timeout;
}

export class TestClock implements Clock {
  #offset = 0;
  #jumped = 0;
  readonly #tasks = new Set<Task>();

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

  after(delayMs: number, task: () => void): () => void {
    const entry: Task = {
      dueAt: this.elapsed() + delayMs,
      run: () => {
        cancel();
        task();
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

  every(intervalMs: number, task: () => void): () => void {
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = this.after(intervalMs, () => {
        again();
        task();
      });
    };
    again();
    return () => cancel();
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
