/** Conversations in SQLite: created, read, named and deleted. */
import { type Clock, nextTurn } from '../../clock.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import type { ConversationStore, NewConversation } from '../port.ts';
import { newEpoch } from '../shared/lineage.ts';
import { conversationKey } from '../shared/message-id.ts';
import { createConversationChanges } from './conversation-changes.ts';
import {
  type ConversationRow,
  type ConversationRows,
  createConversationRows,
  roomNameOf,
  toConversation,
  toMembership,
} from './conversation-rows.ts';
import type { Database } from './database.ts';
import { createGone } from './gone.ts';
import { createListRows } from './lists.ts';
import { createMemberRows } from './member-rows.ts';
import { createMembers } from './members.ts';
import type { MembershipQuota } from './membership-quota.ts';
import { createReadPositions } from './read-positions.ts';
import type { UserLogs } from './user-log.ts';

type ListedRow = Pick<ConversationRow, 'id' | 'key'>;

/** Conversations of a user that are read in one turn of the event loop, since a user may have a hundred thousand. */
const LISTED_AT_ONCE = 1_000;

export interface ConversationParts {
  readonly userLogs: UserLogs;
  readonly quota: MembershipQuota;
  forgetTyping(tenant: TenantId, id: ConversationId, userId: UserId): void;
}

/** The reads of conversations. */
function createReads(
  database: Database,
  { find, findMember }: ConversationRows,
): Pick<ConversationStore, 'readConversations' | 'readMemberships' | 'listConversationIds'> {
  const selectIds = database.prepare(
    `SELECT conversations.id, conversations.key FROM members JOIN conversations ON conversations.key = members.conversation
     WHERE members.tenant = ? AND members.user_id = ? AND members.conversation > ?
     ORDER BY members.conversation LIMIT ?`,
  );
  return {
    async readConversations(tenant, ids) {
      return database.read(() =>
        ids.map((id) => {
          const row = find(tenant, id);
          return row ? toConversation(row) : null;
        }),
      );
    },

    async readMemberships(tenant, keys) {
      return database.read(() =>
        keys.map(({ conversationId, userId }) => {
          const row = find(tenant, conversationId);
          const member = row && findMember(row, userId);
          return member ? toMembership(conversationId, member) : null;
        }),
      );
    },

    async listConversationIds(tenant, userId) {
      const ids: ConversationId[] = [];
      for (let after = 0; ; await nextTurn()) {
        const key = after;
        const read = await database.read(() => selectIds.all(tenant, userId, key, LISTED_AT_ONCE));
        const rows = read as unknown as ListedRow[];
        for (const { id } of rows) ids.push(id as ConversationId);
        after = rows.at(-1)?.key ?? after;
        if (rows.length < LISTED_AT_ONCE) return ids;
      }
    },
  };
}

export function createConversations(
  database: Database,
  clock: Clock,
  { userLogs, quota, forgetTyping }: ConversationParts,
): ConversationStore {
  const insert = database.prepare(
    `INSERT INTO conversations (tenant, id, hash, kind, name, room_name, created_at, created_by, epoch, fence, lineage)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const rows = createConversationRows(database);
  const lists = createListRows(database);
  const gone = createGone(database);
  const changes = createConversationChanges(database, clock, { rows, lists, userLogs });
  const members = createMemberRows(database, clock, rows);
  const { find } = rows;
  const { change, onExisting } = changes;

  /** Writes the conversation with an empty log, in its first epoch. */
  function begin(tenant: TenantId, { id, name, kind, createdBy }: Omit<NewConversation, 'members'>): void {
    const epoch = newEpoch();
    const lineage = JSON.stringify([[epoch, 1]]);
    const log = [clock.now(), createdBy, epoch, database.fence, lineage] as const;
    insert.run(tenant, id, conversationKey(id), kind, name, roomNameOf(kind, name), ...log);
  }

  return {
    ...createReads(database, rows),
    ...createMembers(database, { rows, members, changes, quota, forgetTyping }),
    ...createReadPositions(database, clock, { rows, changes, lists }),

    async createConversation(tenant, { id, name, kind, createdBy, members: first }) {
      return database.write((announce) => {
        const existing = find(tenant, id);
        if (existing) return { outcome: 'exists', conversation: toConversation(existing) };
        if (gone.has(tenant, id, clock.now())) return { outcome: 'gone' };
        if (!quota.hasRoom(tenant, createdBy)) return { outcome: 'quota-full' };
        begin(tenant, { id, name, kind, createdBy });
        const row = find(tenant, id);
        if (!row) throw new Error('A conversation that was just written cannot be read.');
        members.join(tenant, row, first);
        quota.take(tenant, createdBy, row.key);
        const joined = first.map(({ userId }) => userId);
        return { outcome: 'created', conversation: change(tenant, row, { joined, isNew: true }, announce) };
      });
    },

    async renameConversation(tenant, id, name) {
      return onExisting(tenant, id, (row, announce) => {
        if (row.name === name) return { outcome: 'unchanged', conversation: toConversation(row) };
        return { outcome: 'changed', conversation: change(tenant, row, { name }, announce) };
      });
    },

    async deleteConversation(tenant, id, actor) {
      return database.write((announce) => {
        const row = find(tenant, id);
        if (!row) return 'not-found';
        if (!members.mayAct(row, actor)) return 'not-allowed';
        const left = members.list(row, 0, -1).map((each) => each.user_id as UserId);
        for (const userId of left) {
          members.drop(row, userId);
          forgetTyping(tenant, id, userId);
          quota.giveBack(tenant, userId, row.key);
        }
        change(tenant, row, { left, why: 'DELETED' }, announce);
        gone.add(tenant, row, clock.now());
        return 'deleted';
      });
    },
  };
}
