/** A token bucket. It fills by elapsed time, so an unused bucket costs nothing. */

/** The most that a bucket may owe, as a multiple of its capacity: that many nodes may have admitted a user at once. */
const MOST_OWED = 10;

/** The rounding error of added fractions: a token that lacks only this much counts as whole. */
const ROUNDING = 1e-6;

export class TokenBucket {
  readonly #capacity: number;
  readonly #perMs: number;
  #tokens: number;
  #filledAt: number;

  constructor(capacity: number, perSecond: number, now: number) {
    this.#capacity = capacity;
    this.#perMs = perSecond / 1_000;
    this.#tokens = capacity;
    this.#filledAt = now;
  }

  /**
   * Milliseconds until `count` tokens are available; 0: now.
   *
   * A count above the capacity is taken from a full bucket, which then owes the rest.
   */
  wait(now: number, count = 1): number {
    const since = Math.max(now - this.#filledAt, 0);
    this.#tokens = Math.min(this.#capacity, this.#tokens + since * this.#perMs);
    this.#filledAt = now;
    const missing = Math.min(count, this.#capacity) - this.#tokens;
    return missing <= ROUNDING ? 0 : Math.ceil(missing / this.#perMs);
  }

  /** Takes the tokens that `wait` found. */
  take(count = 1): void {
    this.#tokens -= count;
  }

  /** Gives back a token that was taken. */
  give(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + 1);
  }

  /** Takes tokens for use on other nodes. The debt is capped, so the wait is bounded. */
  takeElsewhere(count: number, now: number): void {
    this.wait(now);
    this.#tokens = Math.max(this.#tokens - count, -this.#capacity * MOST_OWED);
  }
}

/** Milliseconds until each of these buckets has a token. */
export function waitForAll(buckets: readonly TokenBucket[], now: number): number {
  let wait = 0;
  for (const bucket of buckets) wait = Math.max(wait, bucket.wait(now));
  return wait;
}

/** Takes one token from each bucket, or from none. Returns how long to wait; 0 when they were taken. */
export function takeAll(buckets: readonly TokenBucket[], now: number): number {
  const wait = waitForAll(buckets, now);
  if (wait === 0) for (const bucket of buckets) bucket.take();
  return wait;
}
