/** Streams whose right may have ended, looked at bit by bit: one change may concern all of a tenant's. */
import { inParts } from '../in-parts.ts';

export class Rechecks {
  #waiting = new Set<() => void>();
  #isRunning = false;

  /** Those of the present turn's first call are looked at at once. `recheck` must not throw. */
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
