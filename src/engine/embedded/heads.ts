/**
 * The times of changes of conversations, in SQLite. Entries of versions that stored no times count as older than any
 * instant.
 */
import type { Clock } from '../../clock.ts';
import { type HeadStore, positionAt } from '../shared/heads.ts';
import type { Lineage } from '../shared/lineage.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Database } from './database.ts';

export function createHeads(database: Database, clock: Clock): HeadStore {
  const select = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND id = ?');
  const selectPlace = database.prepare(
    'SELECT place FROM log WHERE conversation = ? AND at <= ? ORDER BY place DESC LIMIT 1',
  );

  function placeAt({ key, place, floor, logged_at: loggedAt }: ConversationRow, instant: number): number {
    if (loggedAt <= instant || place === floor) return place;
    const row = selectPlace.get(key, instant) as { place: number } | undefined;
    return row?.place ?? floor;
  }

  return {
    time: async () => clock.now(),

    async readHeads(tenant, ids, instant) {
      return database.read(() =>
        ids.map((id) => {
          const row = select.get(tenant, id) as unknown as ConversationRow | undefined;
          if (!row) return null;
          const place = placeAt(row, instant);
          return {
            position: positionAt(JSON.parse(row.lineage) as Lineage, place),
            isKept: place > row.floor || row.floor === 0 || row.place === row.floor,
            loggedAt: row.logged_at,
            changedAt: row.changed_at,
            version: row.version,
          };
        }),
      );
    },
  };
}
