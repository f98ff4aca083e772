/**
 * Checks streams whose right may have ended, a part in each turn, since one change may concern all streams of a tenant.
 */
import { inParts } from '../in-parts.ts';

export class Rechecks {
  #waiting = new Set<() => void>();
  #isRunning = false;

  /** The first call of a turn is checked at once. `recheck` must not throw. */
  add(recheck: () => void): void {
    this.#waiting.add(recheck);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      const waiting = [...this.#waiting];
      this.#waiting = new Set();
      await inParts(waiting, (part) => {
        for (const recheck of part) recheck();
      });
    }
    this.#isRunning = false;
  }
}
