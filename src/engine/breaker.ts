/** A circuit breaker (Nygard, Release It!): closed until outages follow each other, then open until a check succeeds. */
import type { Clock } from '../clock.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Circuit } from './port.ts';

export interface BreakerOptions {
  readonly clock: Clock;
  /** Whether the server is available again. A rejection means no. */
  readonly check: () => Promise<boolean>;
  /** It opened, or closed after it was open; failed checks in between are not reported. */
  readonly turned: (isOpen: boolean) => void;
}

export class Breaker {
  readonly #options: BreakerOptions;
  #state: Circuit = 'closed';
  #outages = 0;
  #cancel: (() => void) | null = null;
  #isOver = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): Circuit {
    return this.#state;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The server has answered. Called on the hot path. */
  answered(): void {
    this.#outages = 0;
  }

  /** The server has not answered. It opens after `LIMITS.circuitOutages` of these in a row. */
  missed(): void {
    if (!this.isClosed) return;
    this.#outages += 1;
    if (this.#outages < LIMITS.circuitOutages) return;
    this.#state = 'open';
    this.#options.turned(true);
    this.#checkLater();
  }

  /** Stops the checks. */
  close(): void {
    this.#isOver = true;
    this.#cancel?.();
  }

  #checkLater(): void {
    if (this.#isOver) return;
    this.#cancel = this.#options.clock.after(TIMES.circuitCheckMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    this.#state = 'half-open';
    const isAvailable = await this.#options.check().catch(() => false);
    if (isAvailable) {
      this.#outages = 0;
      this.#state = 'closed';
      this.#options.turned(false);
    } else {
      this.#state = 'open';
      this.#checkLater();
    }
  }
}
