/** The log of each user's list in SQLite: rows that are written in the transaction that changes the list. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { READ } from '../shared/closed.ts';
import { judgePosition, type Lineage, newEpoch, withEpoch } from '../shared/lineage.ts';
import type { ListEvent, UserLogEntry, UserLogPage, UserLogStore } from '../shared/user-log.ts';
import type { Database } from './database.ts';

interface StateRow {
  readonly key: number;
  readonly place: number;
  readonly epoch: string;
  readonly fence: string;
  readonly lineage: string;
}

interface EntryRow {
  readonly place: number;
  readonly epoch: string;
  readonly conversation_id: string;
  readonly event: string;
}

export interface UserLogs extends UserLogStore {
  /** Called inside a transaction. */
  note(tenant: TenantId, userId: UserId, id: ConversationId, event: ListEvent): void;
}

const toEntry = (row: EntryRow): UserLogEntry => ({
  place: row.place,
  epoch: row.epoch,
  conversationId: row.conversation_id as ConversationId,
  event: READ.listEvent(row.event),
});

/** Entries up to this place are no longer stored. */
const floorOf = ({ place }: StateRow): number => Math.max(place - LIMITS.userLogEntries, 0);

export function createUserLogs(database: Database, clock: Clock): UserLogs {
  const find = database.prepare('SELECT * FROM user_logs WHERE tenant = ? AND user_id = ?');
  const begin = database.prepare(
    'INSERT INTO user_logs (tenant, user_id, epoch, fence, lineage, moved_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const move = database.prepare(
    'UPDATE user_logs SET place = ?, epoch = ?, fence = ?, lineage = ?, moved_at = ? WHERE key = ?',
  );
  const insert = database.prepare('INSERT INTO user_log VALUES (?, ?, ?, ?, ?)');
  const trim = database.prepare('DELETE FROM user_log WHERE log = ? AND place <= ?');
  const select = database.prepare('SELECT * FROM user_log WHERE log = ? AND place > ? ORDER BY place LIMIT ?');

  const stateOf = (tenant: TenantId, userId: UserId): StateRow | undefined =>
    find.get(tenant, userId) as unknown as StateRow | undefined;

  function begun(tenant: TenantId, userId: UserId): StateRow {
    const epoch = newEpoch();
    const lineage = JSON.stringify([[epoch, 1]]);
    const { lastInsertRowid } = begin.run(tenant, userId, epoch, database.fence, lineage, clock.now());
    return { key: Number(lastInsertRowid), place: 0, epoch, fence: database.fence, lineage };
  }

  /** The next place; in a new epoch after the file was reopened. */
  function advance(state: StateRow): StateRow {
    const place = state.place + 1;
    if (state.fence === database.fence) return { ...state, place };
    const epoch = newEpoch();
    const lineage = withEpoch(state.lineage, epoch, place);
    return { ...state, place, epoch, fence: database.fence, lineage };
  }

  return {
    note(tenant, userId, id, event) {
      const next = advance(stateOf(tenant, userId) ?? begun(tenant, userId));
      const { key, place, epoch, fence, lineage } = next;
      move.run(place, epoch, fence, lineage, clock.now(), key);
      insert.run(key, place, epoch, id, event);
      trim.run(key, floorOf(next));
    },

    async readUserLog(tenant, userId, after, limit) {
      const readFrom = (state: StateRow): UserLogPage => {
        const head = { epoch: state.epoch, place: state.place };
        if (!after) return { outcome: 'read', entries: [], head };
        const lineage = JSON.parse(state.lineage) as Lineage;
        const reason = judgePosition(after, { lineage, head: state.place, floor: floorOf(state) });
        if (reason) return { outcome: 'expired', reason };
        const rows = select.all(state.key, after.place, limit) as unknown as EntryRow[];
        return { outcome: 'read', entries: rows.map(toEntry), head };
      };
      return database.read(() => {
        const state = stateOf(tenant, userId);
        return state
          ? readFrom(state)
          : database.write(() => readFrom(stateOf(tenant, userId) ?? begun(tenant, userId)));
      });
    },
  };
}
