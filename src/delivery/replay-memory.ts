/** Limits the memory of one stream's replays: many at once take little more than one. */
import { LIMITS } from '../limits.ts';

export class ReplayMemory {
  #last: Promise<unknown> = Promise.resolve();
  #reserved = 0;

  /** Runs one task after the other. Rejects as the task does. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Whether a page of so many characters may be buffered beside the others, until it is released. */
  reserve(characters: number): boolean {
    if (this.#reserved + characters > LIMITS.bufferedLogCharacters) return false;
    this.#reserved += characters;
    return true;
  }

  release(characters: number): void {
    this.#reserved -= characters;
  }
}
