/** How fast sockets come from one address whose user is not known yet. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import { TokenBucket } from '../../rates/token-bucket.ts';

export class Strangers {
  readonly #perSecond: number;
  readonly #clock: Clock;
  /** Those seen last. One that was forgotten begins anew, with as much as any newcomer. */
  readonly #buckets = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredAddresses });

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Whether one more may come from this address now. */
  admit(address: string): boolean {
    const now = this.#clock.elapsed();
    const bucket = this.#buckets.get(address) ?? new TokenBucket(LIMITS.strangersAtOnce, this.#perSecond, now);
    this.#buckets.set(address, bucket);
    if (bucket.wait(now) > 0) return false;
    bucket.take();
    return true;
  }

  /** One of them said who they are: many users behind one address are no strangers. */
  recognise(address: string): void {
    this.#buckets.get(address)?.give();
  }
}
