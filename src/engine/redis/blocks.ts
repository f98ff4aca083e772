/** Blocked users in Redis: fields of the blocker's presence, which is what blocked users see differently. */
import { LIMITS } from '../../limits.ts';
import type { BlockStore } from '../port.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';

export function createBlocks(client: RedisClient, keys: Keys, outbox: EventOutbox): BlockStore {
  return {
    async setBlocked(tenant, userId, blockedId, isBlocked) {
      const { presence, presenceChannel } = keys.user(tenant, userId);
      const args = [userId, blockedId, isBlocked ? 1 : 0, LIMITS.blockedPerUser];
      const events = keys.userEvents(tenant, userId);
      const outcome = await outbox.run(tenant, events, 'set-blocked', [presence, presenceChannel], args);
      return outcome as 'changed' | 'unchanged' | 'full';
    },

    async findBlockers(tenant, blockedId, among) {
      const isBlocking = await attempt(() =>
        Promise.all(among.map((userId) => client.hexists(keys.user(tenant, userId).presence, `b:${blockedId}`))),
      );
      return among.filter((_, index) => isBlocking[index] === 1);
    },
  };
}
