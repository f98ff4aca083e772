/** When a server was known last to have lost nothing that is not repaired: what is remembered for a repair grows old from there. */
import type { Clock } from '../../clock.ts';

export class Undivided {
  readonly #clock: Clock;
  readonly #keptMs: number;
  #at: number;

  /** A failover takes back no more than the last `keptMs` before a server went away. */
  constructor(clock: Clock, keptMs: number) {
    this.#clock = clock;
    this.#keptMs = keptMs;
    this.#at = clock.elapsed();
  }

  /** All servers are there, and no life of theirs is unseen. Until it is said again, nothing that is remembered now grows old. */
  isNow(): void {
    this.#at = this.#clock.elapsed();
  }

  /** Changes up to this time are no longer taken back. By the clock's `elapsed`. */
  get before(): number {
    return this.#at - this.#keptMs;
  }
}
