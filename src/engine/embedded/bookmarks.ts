/** Bookmarks in SQLite. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { BookmarkRecord } from '../../model.ts';
import type { BookmarkStore } from '../port.ts';
import { decodeBookmark, encodeBookmark, type StoredPositions } from '../shared/bookmark.ts';
import type { Database } from './database.ts';

export function createBookmarks(database: Database, clock: Clock): BookmarkStore {
  const find = database.prepare(
    'SELECT positions FROM inboxes WHERE tenant = ? AND user_id = ? AND session = ? AND written_at > ?',
  );
  const put = database.prepare(
    'INSERT OR REPLACE INTO inboxes (tenant, user_id, session, written_at, positions) VALUES (?, ?, ?, ?, ?)',
  );
  const trim = database.prepare(
    `DELETE FROM inboxes WHERE tenant = ?1 AND user_id = ?2 AND session NOT IN
     (SELECT session FROM inboxes WHERE tenant = ?1 AND user_id = ?2 ORDER BY written_at DESC, session LIMIT ?3)`,
  );

  function read(...key: [tenant: string, userId: string, session: string]): BookmarkRecord | null {
    const row = find.get(...key, clock.now() - TIMES.sessionMs);
    if (!row) return null;
    return { positions: decodeBookmark(JSON.parse(String(row['positions'])) as StoredPositions) };
  }

  return {
    readBookmark: async (tenant, userId, session) => database.read(() => read(tenant, userId, session)),

    async writeBookmark(tenant, userId, session, positions) {
      await database.write(() => {
        const moved = new Map(read(tenant, userId, session)?.positions);
        for (const [id, position] of positions) {
          const before = moved.get(id);
          if (before?.epoch !== position.epoch || before.place < position.place) moved.set(id, position);
        }
        put.run(tenant, userId, session, clock.now(), encodeBookmark(moved));
        trim.run(tenant, userId, LIMITS.bookmarksPerUser);
      });
    },
  };
}
