/** Inboxes in Redis: one hash for each user, a field for each session. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { InboxStore } from '../port.ts';
import { decodeInbox, encodeInbox, type StoredPositions } from '../shared/inbox.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

export function createInboxes(client: RedisClient, run: RunScript, keys: Keys, clock: Clock): InboxStore {
  return {
    async readInbox(tenant, userId, session) {
      const json = await attempt(() => client.hget(keys.user(tenant, userId).inboxes, session));
      if (json === null) return null;
      const { positions } = JSON.parse(json) as { positions: StoredPositions };
      return { positions: decodeInbox(positions) };
    },

    async writeInbox(tenant, userId, session, positions) {
      const args = [clock.offset(), session, encodeInbox(positions), LIMITS.inboxesPerUser, TIMES.sessionMs];
      await run('write-inbox', [keys.user(tenant, userId).inboxes], args);
    },
  };
}
