/** Blocked users in Redis: fields of the blocker's presence, since that is what the blocked see otherwise. */
import { LIMITS } from '../../limits.ts';
import type { BlockStore } from '../port.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

export function createBlocks(client: RedisClient, run: RunScript, keys: Keys): BlockStore {
  return {
    async setBlocked(tenant, userId, blockedId, isBlocked) {
      const { presence, presenceChannel } = keys.user(tenant, userId);
      const args = [userId, blockedId, isBlocked ? 1 : 0, LIMITS.blockedPerUser];
      return (await run('set-blocked', [presence, presenceChannel], args)) as 'changed' | 'unchanged' | 'full';
    },

    async findBlockers(tenant, blockedId, among) {
      const isBlocking = await attempt(() =>
        Promise.all(among.map((userId) => client.hexists(keys.user(tenant, userId).presence, `b:${blockedId}`))),
      );
      return among.filter((_, index) => isBlocking[index] === 1);
    },
  };
}
