/** Use of rates in Redis: one sum for each user and tenant, added to by all nodes. */
import { LRUCache } from 'lru-cache';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { unavailable } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { RateUse } from '../../model.ts';
import type { RateStore } from '../port.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';

export function createRates(client: RedisClient, keys: Keys): RateStore {
  /** Only counts: nobody is refused by it, whatever its points. */
  const sums = new RateLimiterRedis({
    storeClient: client,
    keyPrefix: '',
    points: Number.MAX_SAFE_INTEGER,
    duration: TIMES.sharedUseMs / 1_000,
  });
  /** As this node last saw them. */
  const seen = new LRUCache<string, number>({ max: LIMITS.meteredUsers });

  async function share({ count, ...id }: RateUse): Promise<number> {
    const key = keys.rate(id);
    const { consumedPoints: sum } = await sums.penalty(key, count).catch((error: unknown) => {
      throw unavailable(error);
    });
    const before = seen.get(key) ?? sum - count;
    seen.set(key, sum);
    // A sum that is smaller was begun anew meanwhile: all of it is news.
    return sum - count - (sum - count < before ? 0 : before);
  }

  return { shareUse: (uses) => Promise.all(uses.map(share)) };
}
