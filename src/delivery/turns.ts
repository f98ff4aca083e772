/** The replays of one stream, which share memory: many logs need little more than one. */
import { LIMITS } from '../limits.ts';

export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #held = 0;

  /** Runs one work after the other. Rejects as the work does. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Whether a page of so many characters may be held beside the others, until it is released. */
  hold(characters: number): boolean {
    if (this.#held + characters > LIMITS.heldLogCharacters) return false;
    this.#held += characters;
    return true;
  }

  release(characters: number): void {
    this.#held -= characters;
  }
}
