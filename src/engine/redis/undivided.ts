/** The last time at which all servers agreed. Changes remembered for a repair expire relative to it. */
import type { Clock } from '../../clock.ts';

export class Undivided {
  readonly #clock: Clock;
  readonly #keptMs: number;
  #at: number;

  /** A failover loses at most the last `keptMs` before a server went away. */
  constructor(clock: Clock, keptMs: number) {
    this.#clock = clock;
    this.#keptMs = keptMs;
    this.#at = clock.elapsed();
  }

  /** All servers are available in known histories. Until the next call, remembered changes do not expire. */
  isNow(): void {
    this.#at = this.#clock.elapsed();
  }

  /** Changes up to this time can no longer be lost. By the clock's `elapsed`. */
  get before(): number {
    return this.#at - this.#keptMs;
  }
}
