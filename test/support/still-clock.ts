/** A clock that stands still: durations pass and timers run only when a test moves it. Dates go on. */
import type { MovableClock } from './test-clock.ts';

export class StillClock implements MovableClock {
  #elapsed = 0;
  #jumped = 0;
  readonly #tasks = new Set<{ readonly dueAt: number; readonly run: () => void }>();

  now(): number {
    return Date.now() + this.#elapsed + this.#jumped;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  offset(): number {
    return this.#elapsed;
  }

  get pending(): number {
    return this.#tasks.size;
  }

  /** Whether something waits for just so long from now. */
  isDueIn(ms: number): boolean {
    return [...this.#tasks].some(({ dueAt }) => dueAt === this.#elapsed + ms);
  }

  after(delayMs: number, run: () => void): () => void {
    const task = { dueAt: this.#elapsed + delayMs, run };
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
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

  jump(ms: number): void {
    this.#jumped += ms;
  }

  /** Moves time forward, and runs in order what becomes due on the way. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const [next] = [...this.#tasks].filter(({ dueAt }) => dueAt <= end).sort((a, b) => a.dueAt - b.dueAt);
      if (!next) break;
      this.#tasks.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.dueAt);
      next.run();
    }
    this.#elapsed = end;
  }
}
