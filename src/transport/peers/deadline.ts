/** One time limit for many items, each from its own start, with a single timer. */
import type { Clock } from '../../clock.ts';

export class Deadline<Item> {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #onLate: (item: Item) => void;
  /** The start of each item, by `Clock.elapsed`. They expire in this order. */
  readonly #begun = new Map<Item, number>();
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, ms: number, onLate: (item: Item) => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#onLate = onLate;
  }

  begin(item: Item): void {
    this.#begun.set(item, this.#clock.elapsed());
    if (!this.#cancel) this.#wait(this.#ms);
  }

  /** The item was in time, or no longer matters. */
  end(item: Item): void {
    if (!this.#begun.delete(item) || this.#begun.size > 0) return;
    this.#cancel?.();
    this.#cancel = null;
  }

  #wait(ms: number): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(ms, () => this.#look());
  }

  #look(): void {
    this.#cancel = null;
    for (const [item, begunAt] of this.#begun) {
      const leftMs = begunAt + this.#ms - this.#clock.elapsed();
      if (leftMs > 0) return this.#wait(leftMs);
      this.#begun.delete(item);
      this.#onLate(item);
    }
  }
}
