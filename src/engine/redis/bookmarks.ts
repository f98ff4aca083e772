/** Bookmarks in Redis: one hash for each user, a field for each session. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { BookmarkStore } from '../port.ts';
import { decodeBookmark, encodeBookmark, type StoredPositions } from '../shared/bookmark.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

export function createBookmarks(client: RedisClient, run: RunScript, keys: Keys, clock: Clock): BookmarkStore {
  return {
    async readBookmark(tenant, userId, session) {
      const json = await attempt(() => client.hget(keys.user(tenant, userId).bookmarks, session));
      if (json === null) return null;
      const { positions } = JSON.parse(json) as { positions: StoredPositions };
      return { positions: decodeBookmark(positions) };
    },

    async writeBookmark(tenant, userId, session, positions) {
      const args = [clock.offset(), session, encodeBookmark(positions), LIMITS.bookmarksPerUser, TIMES.sessionMs];
      await run('write-bookmark', [keys.user(tenant, userId).bookmarks], args);
    },
  };
}
