/** How long a breach is checked again before it is reported. */
import { setTimeout as wait } from 'node:timers/promises';

/** Longer than anything takes to heal. */
const REST_MS = 60_000;
/** On a machine that is busy a look at everything takes its time, and so does all that is looked for. */
const LOOKS = 60;
const LOOK_AGAIN_MS = 250;

export class Patience {
  readonly #begunAt = performance.now();
  #looks = 0;

  /** After a while; false: what is not as promised by now is a breach. */
  async looksAgain(): Promise<boolean> {
    this.#looks += 1;
    if (this.#looks >= LOOKS && performance.now() - this.#begunAt >= REST_MS) return false;
    await wait(LOOK_AGAIN_MS);
    return true;
  }
}
