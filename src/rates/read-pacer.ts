/** Lets other work run between reads, so that no reader blocks the event loop for long. */

import { OncePerTurn } from '../clock.ts';

/** Points of work in one turn of the event loop: a few milliseconds. */
const TURN_POINTS = 2_000;

/**
 * Counts reads in the current turn of the event loop. Above the cap a reader waits for another turn, in the order of
 * arrival. The embedded engine answers within the call, so otherwise all reads of an operation would be one turn.
 */
export class ReadPacer {
  #points = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #turn = new OncePerTurn(() => {
    this.#points = 0;
    const next = this.#waiting.shift();
    if (this.#waiting.length > 0) this.#turn.plan();
    next?.();
  });

  /** Null: continue at once. */
  after(points: number): Promise<void> | null {
    this.#points += points;
    this.#turn.plan();
    if (this.#points <= TURN_POINTS && this.#waiting.length === 0) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
