/** Use of rates in Redis: one sum for each user, added to by all nodes. */
import { LRUCache } from 'lru-cache';
import { LIMITS, TIMES } from '../../limits.ts';
import type { RateStore, Use } from '../port.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

export function createRates(run: RunScript, keys: Keys): RateStore {
  /** The sums as this node last saw them. */
  const seen = new LRUCache<string, number>({ max: LIMITS.meteredUsers });

  async function share({ kind, tenant, userId, count }: Use): Promise<number> {
    const { messageUse, connectionUse } = keys.user(tenant, userId);
    const key = kind === 'message' ? messageUse : connectionUse;
    const sum = Number(await run('add-use', [key], [count, TIMES.sharedUseMs]));
    const before = seen.get(key) ?? sum - count;
    seen.set(key, sum);
    // Less than before: it was forgotten meanwhile.
    return Math.max(sum - count - before, 0);
  }

  return { shareUse: (uses) => Promise.all(uses.map(share)) };
}
