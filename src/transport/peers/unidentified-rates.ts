/** The rate per address of sockets whose user is unknown. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import { TokenBucket } from '../../rates/token-bucket.ts';

export class UnidentifiedRates {
  readonly #perSecond: number;
  readonly #clock: Clock;
  /** The most recent addresses. An evicted one begins again with a full bucket. */
  readonly #buckets = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredAddresses });

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Whether one more may connect from this address now. */
  admit(address: string): boolean {
    const now = this.#clock.elapsed();
    const bucket = this.#buckets.get(address) ?? new TokenBucket(LIMITS.strangersAtOnce, this.#perSecond, now);
    this.#buckets.set(address, bucket);
    if (bucket.wait(now) > 0) return false;
    bucket.take();
    return true;
  }

  /** The user of a socket is known: many users behind one address are not strangers. */
  recognise(address: string): void {
    this.#buckets.get(address)?.give();
  }
}
