/** Rows of members. The change that writes or drops them announces it. */
import type { Clock } from '../../clock.ts';
import { type MemberRole, RANKS, type TenantId, type UserId } from '../../model.ts';
import type { Actor } from '../port.ts';
import { READ } from '../shared/closed.ts';
import type { ConversationRow, ConversationRows, MemberRow } from './conversation-rows.ts';
import type { Database } from './database.ts';

export interface MemberRows {
  join(tenant: TenantId, row: ConversationRow, members: readonly { userId: UserId; role: MemberRole }[]): void;
  /** False: there was no such member. */
  drop(row: ConversationRow, userId: UserId): boolean;
  setRole(row: ConversationRow, userId: string, role: MemberRole): void;
  /** Members with an ordinal above `after`, by ordinal; a limit of -1: all of them. */
  list(row: ConversationRow, after: number, limit: number): MemberRow[];
  ownerCount(row: ConversationRow): number;
  /** Whether an actor still has the needed role, and ranks above the member they want to remove. */
  mayAct(row: ConversationRow, actor: Actor | null, removed?: MemberRow): boolean;
}

export function createMemberRows(database: Database, clock: Clock, { findMember }: ConversationRows): MemberRows {
  const insertMember = database.prepare('INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const deleteMember = database.prepare('DELETE FROM members WHERE conversation = ? AND user_id = ?');
  const updateRole = database.prepare('UPDATE members SET role = ? WHERE conversation = ? AND user_id = ?');
  const countOwners = database.prepare(
    "SELECT count(*) AS owners FROM members WHERE conversation = ? AND role = 'OWNER'",
  );
  const selectMembers = database.prepare(
    'SELECT * FROM members WHERE conversation = ? AND ordinal > ? ORDER BY ordinal LIMIT ?',
  );
  return {
    join(tenant, row, members) {
      const now = clock.now();
      for (const [index, { userId, role }] of members.entries()) {
        const ordinal = row.next_ordinal + index;
        // Unread messages count from here; nothing was read yet.
        insertMember.run(row.key, userId, tenant, role, now, ordinal, row.last_sequence, 0, row.epoch, row.place);
      }
    },

    drop: (row, userId) => deleteMember.run(row.key, userId).changes > 0,

    setRole: (row, userId, role) => void updateRole.run(role, row.key, userId),

    list: (row, after, limit) => selectMembers.all(row.key, after, limit) as unknown as MemberRow[],

    ownerCount: (row) => (countOwners.get(row.key) as { owners: number } | undefined)?.owners ?? 0,

    mayAct(row, actor, removed) {
      if (!actor) return true;
      const role = findMember(row, actor.userId)?.role;
      if (role === undefined) return false;
      const rank = RANKS[READ.memberRole(role)];
      if (rank < RANKS[actor.least]) return false;
      return !removed || role === 'OWNER' || rank > RANKS[READ.memberRole(removed.role)];
    },
  };
}
