/** Exponential back-off with jitter: the wait until the next attempt doubles, up to half a minute. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
const SLOW_MS = 15_000;

export class BackOff {
  #tries = 0;

  /** An attempt succeeded. */
  reset(): void {
    this.#tries = 0;
  }

  /** The wait after an error of a request, as `next`. */
  after(error: unknown): number {
    return this.next((error as { readonly retryAfterMs?: number | null }).retryAfterMs);
  }

  /** `atLeastMs`: the service's `retryAfterMs`. `isSlow`: the client itself is the cause. */
  next(atLeastMs?: number | null, isSlow = false): number {
    const limit = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    const randomly = (limit / 2) * (1 + Math.random());
    return Math.max(randomly, (atLeastMs ?? 0) * (1 + Math.random() / 4), isSlow ? SLOW_MS * (1 + Math.random()) : 0);
  }
}
