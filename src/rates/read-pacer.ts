/** Lets other work run between reads, so that no reader blocks the event loop for long. */

/** Points of work in one turn of the event loop: a few milliseconds. */
const TURN_POINTS = 2_000;

/**
 * Counts reads in the present turn of the event loop. Past the cap a reader waits for its own turn, in the order of
 * arrival. The embedded engine answers within the call, so otherwise an operation with all its reads would be one turn.
 */
export class ReadPacer {
  #points = 0;
  #isCounting = false;
  readonly #waiting: (() => void)[] = [];

  /** Null: continue at once. */
  after(points: number): Promise<void> | null {
    this.#points += points;
    this.#count();
    if (this.#points <= TURN_POINTS && this.#waiting.length === 0) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #count(): void {
    if (this.#isCounting) return;
    this.#isCounting = true;
    setImmediate(() => {
      this.#isCounting = false;
      this.#points = 0;
      const next = this.#waiting.shift();
      if (this.#waiting.length > 0) this.#count();
      next?.();
    });
  }
}
