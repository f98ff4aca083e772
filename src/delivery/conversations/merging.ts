/** Decides when readers get streamed text: the appends of one interval are one event. */
import type { Clock } from '../../clock.ts';

/**
 * One timer for all texts of this node, so that a socket gets several texts in one write.
 *
 * After a quiet time the first append is passed on at once.
 */
export class Merging {
  readonly #clock: Clock;
  readonly #mergeMs: number;
  readonly #waiting = new Set<() => void>();
  #lastAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, mergeMs: number) {
    this.#clock = clock;
    this.#mergeMs = mergeMs;
  }

  /** Calls `work` in the next turn, once however often it is added. */
  add(work: () => void): void {
    this.#waiting.add(work);
    if (this.#cancel) return;
    const waitMs = this.#lastAt + this.#mergeMs - this.#clock.elapsed();
    if (waitMs <= 0) this.#turn();
    else this.#cancel = this.#clock.after(waitMs, () => this.#turn());
  }

  forget(work: () => void): void {
    this.#waiting.delete(work);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#waiting.clear();
  }

  #turn(): void {
    this.#cancel = null;
    this.#lastAt = this.#clock.elapsed();
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const work of all) work();
  }
}
