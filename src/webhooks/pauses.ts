/** Pauses of a task that may be ended at any time. */
import type { Clock } from '../clock.ts';

export class Pauses {
  readonly #clock: Clock;
  #wake = (): void => undefined;
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends the current pause and all later ones. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Only one pause at a time. */
  pause(ms: number): Promise<void> {
    if (this.#isOver || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
