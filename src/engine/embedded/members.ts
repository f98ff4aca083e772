/** Members of conversations in SQLite: who joins, leaves, is added and removed, and who may do so. */
import { LIMITS } from '../../limits.ts';
import type { ConversationId, MemberRole, TenantId, UserId } from '../../model.ts';
import type { ConversationStore, MembershipChange } from '../port.ts';
import type { ConversationChanges } from './conversation-changes.ts';
import { type ConversationRow, type ConversationRows, toConversation, toMember } from './conversation-rows.ts';
import type { Announce, Database } from './database.ts';
import type { MemberRows } from './member-rows.ts';
import type { MembershipQuota } from './membership-quota.ts';

export type MemberStore = Pick<
  ConversationStore,
  'addMembers' | 'joinConversation' | 'removeMember' | 'setMemberRole' | 'listMembers'
>;

export interface MemberStoreParts {
  readonly rows: ConversationRows;
  readonly members: MemberRows;
  readonly changes: ConversationChanges;
  readonly quota: MembershipQuota;
  forgetTyping(tenant: TenantId, id: ConversationId, userId: UserId): void;
}

export function createMembers(
  database: Database,
  { rows, members, changes, quota, forgetTyping }: MemberStoreParts,
): MemberStore {
  const { findMember } = rows;
  const { change, onExisting } = changes;

  function add(
    tenant: TenantId,
    row: ConversationRow,
    userIds: readonly UserId[],
    role: MemberRole,
    announce: Announce,
  ): MembershipChange {
    const joined = [...new Set(userIds)].filter((userId) => !findMember(row, userId));
    if (joined.length === 0) return { outcome: 'unchanged', conversation: toConversation(row) };
    if (row.member_count + joined.length > LIMITS.membersPerConversation) return { outcome: 'full' };
    members.join(
      tenant,
      row,
      joined.map((userId, index) => ({ userId, role: index + row.member_count === 0 ? 'OWNER' : role })),
    );
    return { outcome: 'changed', conversation: change(tenant, row, { joined }, announce) };
  }

  return {
    async addMembers(tenant, id, userIds, role) {
      return onExisting(tenant, id, (row, announce) => add(tenant, row, userIds, role, announce));
    },

    async joinConversation(tenant, id, userId) {
      return onExisting(tenant, id, (row, announce) => {
        if (!findMember(row, userId) && !quota.hasRoom(tenant, userId)) return { outcome: 'quota-full' };
        const joining = add(tenant, row, [userId], 'MEMBER', announce);
        if (joining.outcome === 'changed') quota.take(tenant, userId, row.key);
        return joining;
      });
    },

    async removeMember(tenant, id, userId, actor) {
      return onExisting(tenant, id, (row, announce) => {
        // A member may leave.
        const isLeaving = actor?.userId === userId && actor.least === 'MEMBER';
        if (!isLeaving && !members.mayAct(row, actor, findMember(row, userId))) return { outcome: 'not-allowed' };
        if (!members.drop(row, userId)) return { outcome: 'unchanged', conversation: toConversation(row) };
        const [eldest] = members.list(row, 0, 1);
        if (eldest && members.ownerCount(row) === 0) members.setRole(row, eldest.user_id, 'OWNER');
        forgetTyping(tenant, id, userId);
        quota.giveBack(tenant, userId, row.key);
        const why = actor?.userId === userId ? 'LEFT' : 'REMOVED';
        return { outcome: 'changed', conversation: change(tenant, row, { left: [userId], why }, announce) };
      });
    },

    async setMemberRole(tenant, id, userId, role, actor) {
      return onExisting(tenant, id, (row, announce) => {
        if (!members.mayAct(row, actor)) return { outcome: 'not-allowed' };
        const member = findMember(row, userId);
        if (!member) return { outcome: 'not-found' };
        if (member.role === role) return { outcome: 'unchanged', conversation: toConversation(row) };
        if (member.role === 'OWNER' && members.ownerCount(row) === 1) return { outcome: 'last-owner' };
        members.setRole(row, userId, role);
        return { outcome: 'changed', conversation: change(tenant, row, {}, announce) };
      });
    },

    async listMembers(tenant, id, after, limit) {
      return database.read(() => {
        const row = rows.find(tenant, id);
        return row ? members.list(row, after, limit).map(toMember) : [];
      });
    },
  };
}
