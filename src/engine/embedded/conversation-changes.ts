/** The steps of every change of a conversation: its new version, its members' lists, and its announcements. */
import type { Clock } from '../../clock.ts';
import type { ConversationId, ConversationRecord, TenantId, UserId } from '../../model.ts';
import type { LeaveReason, MembershipChange, QuotaFull, ReadMove } from '../port.ts';
import { type ConversationRow, type ConversationRows, roomNameOf, toConversation } from './conversation-rows.ts';
import type { Announce, Database } from './database.ts';
import type { ListRows } from './lists.ts';
import type { UserLogs } from './user-log.ts';

/** The fields of a conversation that a change sets. */
export interface ConversationChange {
  readonly name?: string | null;
  readonly joined?: readonly UserId[];
  readonly left?: readonly UserId[];
  readonly why?: LeaveReason;
  readonly read?: ReadMove;
  readonly isNew?: true;
}

export interface ConversationChanges {
  /** Writes a new version of the conversation and announces it with the members who joined and left. */
  change(tenant: TenantId, row: ConversationRow, next: ConversationChange, announce: Announce): ConversationRecord;
  /** Runs a change on a conversation that exists. */
  onExisting<Change extends MembershipChange | QuotaFull>(
    tenant: TenantId,
    id: ConversationId,
    work: (row: ConversationRow, announce: Announce) => Change,
  ): Promise<Change | MembershipChange>;
}

export interface ConversationChangeParts {
  readonly rows: ConversationRows;
  readonly lists: ListRows;
  readonly userLogs: UserLogs;
}

export function createConversationChanges(
  database: Database,
  clock: Clock,
  { rows, lists, userLogs }: ConversationChangeParts,
): ConversationChanges {
  const bump = database.prepare(
    `UPDATE conversations SET version = version + 1, name = ?, room_name = ?, member_count = ?, next_ordinal = ?,
       changed_at = ?
     WHERE key = ?`,
  );
  return {
    change(tenant, row, next, announce) {
      const { name = row.name, joined = [], left = [], why = 'REMOVED', read, isNew } = next;
      bump.run(
        name,
        roomNameOf(row.kind, name),
        row.member_count + joined.length - left.length,
        row.next_ordinal + joined.length,
        clock.now(),
        row.key,
      );
      const id = row.id as ConversationId;
      const changed = rows.find(tenant, id) ?? row;
      lists.join(tenant, changed, joined);
      for (const userId of left) lists.leave(changed, userId);
      for (const userId of joined) userLogs.note(tenant, userId, id, 'JOINED');
      for (const userId of left) userLogs.note(tenant, userId, id, why);
      const conversation = toConversation(changed);
      const more = {
        ...(isNew && { isNew }),
        ...((left.length > 0 || why === 'DELETED') && { why }),
        ...(read && { read }),
      };
      announce({ kind: 'conversation', tenant, id }, { type: 'conversation', conversation, joined, left, ...more });
      const announceMembership = (userId: UserId, isMember: boolean): void =>
        announce({ kind: 'memberships', tenant, id: userId }, { type: 'membership', conversationId: id, isMember });
      for (const userId of joined) announceMembership(userId, true);
      for (const userId of left) announceMembership(userId, false);
      return conversation;
    },

    onExisting(tenant, id, work) {
      return database.write((announce) => {
        const row = rows.find(tenant, id);
        return row ? work(row, announce) : { outcome: 'not-found' };
      });
    },
  };
}
