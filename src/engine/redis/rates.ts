/** Use of rates in Redis: one sum for each user and tenant, added to by all nodes. */
import { LRUCache } from 'lru-cache';
import { unavailable } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { RateUse } from '../../model.ts';
import type { RateStore } from '../port.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';

export function createRates(client: RedisClient, keys: Keys): RateStore {
  /** As this node last saw them. */
  const seen = new LRUCache<string, number>({ max: LIMITS.meteredUsers });

  /** Returns the sum, which is begun anew after `TIMES.sharedUseMs`. */
  async function add(key: string, count: number): Promise<number> {
    const replies = await client.multi().set(key, 0, 'PX', TIMES.sharedUseMs, 'NX').incrby(key, count).exec();
    const [error, sum] = replies?.[1] ?? [new Error('No reply to MULTI.')];
    if (error) throw error;
    return sum as number;
  }

  async function share({ count, ...id }: RateUse): Promise<number> {
    const key = keys.rate(id);
    const sum = await add(key, count).catch((error: unknown) => {
      throw unavailable(error);
    });
    const before = seen.get(key) ?? sum - count;
    seen.set(key, sum);
    // A sum that is smaller was begun anew meanwhile: all of it is news.
    return sum - count - (sum - count < before ? 0 : before);
  }

  return { shareUse: (uses) => Promise.all(uses.map(share)) };
}
