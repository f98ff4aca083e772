/** The read positions of members, in SQLite. */
import type { Clock } from '../../clock.ts';
import type { UserId } from '../../model.ts';
import type { ConversationStore } from '../port.ts';
import type { ConversationChanges } from './conversation-changes.ts';
import { type ConversationRows, type MemberRow, toConversation } from './conversation-rows.ts';
import type { Database } from './database.ts';
import type { ListRows } from './lists.ts';

export interface ReadPositionParts {
  readonly rows: ConversationRows;
  readonly changes: ConversationChanges;
  readonly lists: ListRows;
}

export function createReadPositions(
  database: Database,
  clock: Clock,
  { rows, changes, lists }: ReadPositionParts,
): Pick<ConversationStore, 'markRead' | 'listReadReceipts'> {
  const { find, findMember } = rows;
  const { change } = changes;
  const updateRead = database.prepare(
    'UPDATE members SET read_sequence = ?, read_at = ? WHERE conversation = ? AND user_id = ?',
  );
  const selectReceipts = database.prepare(
    `SELECT * FROM members WHERE conversation = ? AND ordinal > ? AND read_sequence > 0 AND read_at > 0
     ORDER BY ordinal LIMIT ?`,
  );

  return {
    async markRead(tenant, id, userId, sequence) {
      return database.write((announce) => {
        const row = find(tenant, id);
        const member = row && findMember(row, userId);
        if (!member) return { outcome: 'not-member' };
        if (sequence > row.last_sequence) return { outcome: 'past-head' };
        // A member who joined and reads for the first time may already be at the start of the unread count.
        const isFirst = member.read_at === 0 && sequence > 0 && sequence === member.read_sequence;
        lists.read(row, userId, sequence);
        if (sequence <= member.read_sequence && !isFirst) {
          return { outcome: 'unchanged', conversation: toConversation(row) };
        }
        const read = { userId, sequence, readAt: clock.now() };
        updateRead.run(sequence, read.readAt, row.key, userId);
        return { outcome: 'changed', conversation: change(tenant, row, { read }, announce) };
      });
    },

    async listReadReceipts(tenant, id, after, limit) {
      return database.read(() => {
        const row = find(tenant, id);
        const rows = row ? (selectReceipts.all(row.key, after, limit) as unknown as MemberRow[]) : [];
        return rows.map((each) => ({
          ordinal: each.ordinal,
          userId: each.user_id as UserId,
          sequence: each.read_sequence,
          readAt: each.read_at,
        }));
      });
    },
  };
}
