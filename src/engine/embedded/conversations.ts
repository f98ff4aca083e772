/** Conversations, members and read positions in SQLite. */
import { type Clock, nextTurn } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import {
  type ConversationId,
  type ConversationKind,
  type ConversationRecord,
  type MemberRecord,
  type MemberRole,
  type Membership,
  RANKS,
  type TenantId,
  type UserId,
} from '../../model.ts';
import type { Actor, ConversationStore, LeaveReason, MembershipChange, NoPlace, ReadMove } from '../port.ts';
import { newEpoch } from '../shared/lineage.ts';
import { conversationKey } from '../shared/message-id.ts';
import { roomName } from '../shared/room-name.ts';
import type { Announce, Database } from './database.ts';
import { createGone } from './gone.ts';
import { createListRows } from './lists.ts';
import type { Places } from './places.ts';
import type { UserLogs } from './user-log.ts';

/** A row of `conversations`. */
export interface ConversationRow {
  readonly tenant: string;
  readonly key: number;
  readonly id: string;
  readonly kind: string;
  readonly name: string | null;
  readonly created_at: number;
  readonly created_by: string;
  readonly last_activity_at: number | null;
  readonly last_sequence: number;
  readonly member_count: number;
  readonly next_ordinal: number;
  readonly version: number;
  readonly place: number;
  readonly floor: number;
  readonly epoch: string;
  readonly fence: string;
  readonly lineage: string;
  /** Whether it has too many members to write to their lists with each message. */
  readonly is_large: number;
  /** When the log moved last, and when anything else changed; 0: before that was noted. */
  readonly logged_at: number;
  readonly changed_at: number;
}

interface MemberRow {
  readonly user_id: string;
  readonly role: string;
  readonly joined_at: number;
  readonly ordinal: number;
  readonly read_sequence: number;
  readonly read_at: number;
  readonly joined_epoch: string;
  readonly joined_place: number;
}

type ListedRow = Pick<ConversationRow, 'id' | 'key'>;

/** Conversations of a user that are read in one turn of the loop: they may be a hundred thousand. */
const LISTED_AT_ONCE = 1_000;

export function toConversation(row: ConversationRow): ConversationRecord {
  return {
    id: row.id as ConversationId,
    name: row.name,
    kind: row.kind as ConversationKind,
    createdAt: row.created_at,
    createdBy: row.created_by as UserId,
    lastActivityAt: row.last_activity_at,
    lastSequence: row.last_sequence,
    memberCount: row.member_count,
    version: row.version,
    position: { epoch: row.epoch, place: row.place },
  };
}

function toMember(row: MemberRow): MemberRecord {
  return {
    userId: row.user_id as UserId,
    role: row.role as MemberRole,
    joinedAt: row.joined_at,
    ordinal: row.ordinal,
  };
}

function toMembership(conversationId: ConversationId, row: MemberRow): Membership {
  return {
    ...toMember(row),
    conversationId,
    readSequence: row.read_sequence,
    joinedPosition: { epoch: row.joined_epoch, place: row.joined_place },
  };
}

/** Null for what is no room. */
const roomNameOf = (kind: string, name: string | null): string | null => (kind === 'ROOM' ? roomName(name) : null);

export interface ConversationParts {
  readonly userLogs: UserLogs;
  readonly places: Places;
  forgetTyping(tenant: TenantId, id: ConversationId, userId: UserId): void;
}

export function createConversations(
  database: Database,
  clock: Clock,
  { userLogs, places, forgetTyping }: ConversationParts,
): ConversationStore {
  const select = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND id = ?');
  const insert = database.prepare(
    `INSERT INTO conversations (tenant, id, hash, kind, name, room_name, created_at, created_by, epoch, fence, lineage)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const bump = database.prepare(
    `UPDATE conversations SET version = version + 1, name = ?, room_name = ?, member_count = ?, next_ordinal = ?,
       changed_at = ?
     WHERE key = ?`,
  );
  const selectMember = database.prepare('SELECT * FROM members WHERE conversation = ? AND user_id = ?');
  const insertMember = database.prepare('INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const deleteMember = database.prepare('DELETE FROM members WHERE conversation = ? AND user_id = ?');
  const updateRole = database.prepare('UPDATE members SET role = ? WHERE conversation = ? AND user_id = ?');
  const selectEldest = database.prepare('SELECT * FROM members WHERE conversation = ? ORDER BY ordinal LIMIT 1');
  const countOwners = database.prepare(
    "SELECT count(*) AS owners FROM members WHERE conversation = ? AND role = 'OWNER'",
  );
  const selectMembers = database.prepare(
    'SELECT * FROM members WHERE conversation = ? AND ordinal > ? ORDER BY ordinal LIMIT ?',
  );
  const selectIds = database.prepare(
    `SELECT conversations.id, conversations.key FROM members JOIN conversations ON conversations.key = members.conversation
     WHERE members.tenant = ? AND members.user_id = ? AND members.conversation > ?
     ORDER BY members.conversation LIMIT ?`,
  );
  const updateRead = database.prepare(
    'UPDATE members SET read_sequence = ?, read_at = ? WHERE conversation = ? AND user_id = ?',
  );
  const selectReceipts = database.prepare(
    `SELECT * FROM members WHERE conversation = ? AND ordinal > ? AND read_sequence > 0 AND read_at > 0
     ORDER BY ordinal LIMIT ?`,
  );

  const lists = createListRows(database);
  const gone = createGone(database);

  const find = (tenant: TenantId, id: ConversationId): ConversationRow | undefined =>
    select.get(tenant, id) as unknown as ConversationRow | undefined;
  const findMember = (row: ConversationRow, userId: UserId): MemberRow | undefined =>
    selectMember.get(row.key, userId) as unknown as MemberRow | undefined;
  /** Whether an actor is still what they need to be, and above the member they would remove. */
  function mayAct(row: ConversationRow, actor: Actor | null, removed?: MemberRow): boolean {
    if (!actor) return true;
    const role = findMember(row, actor.userId)?.role;
    if (role === undefined || RANKS[role as MemberRole] < RANKS[actor.least]) return false;
    return !removed || role === 'OWNER' || RANKS[role as MemberRole] > RANKS[removed.role as MemberRole];
  }
  const ownerCount = (row: ConversationRow): number =>
    (countOwners.get(row.key) as { owners: number } | undefined)?.owners ?? 0;

  /** Writes a new version of the conversation and announces it with who came and went. */
  function change(
    tenant: TenantId,
    row: ConversationRow,
    next: {
      name?: string | null;
      joined?: readonly UserId[];
      left?: readonly UserId[];
      why?: LeaveReason;
      read?: ReadMove;
      isNew?: true;
    },
    announce: Announce,
  ): ConversationRecord {
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
    const changed = find(tenant, id) ?? row;
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
    const tell = (userId: UserId, isMember: boolean): void =>
      announce({ kind: 'memberships', tenant, id: userId }, { type: 'membership', conversationId: id, isMember });
    for (const userId of joined) tell(userId, true);
    for (const userId of left) tell(userId, false);
    return conversation;
  }

  function join(
    tenant: TenantId,
    row: ConversationRow,
    members: readonly { userId: UserId; role: MemberRole }[],
  ): void {
    const now = clock.now();
    for (const [index, { userId, role }] of members.entries()) {
      const ordinal = row.next_ordinal + index;
      // Unread counts from here; nothing was read yet.
      insertMember.run(row.key, userId, tenant, role, now, ordinal, row.last_sequence, 0, row.epoch, row.place);
    }
  }

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
    join(
      tenant,
      row,
      joined.map((userId, index) => ({ userId, role: index + row.member_count === 0 ? 'OWNER' : role })),
    );
    return { outcome: 'changed', conversation: change(tenant, row, { joined }, announce) };
  }

  /** Runs a change on a conversation that exists. */
  function onExisting<Change extends MembershipChange | NoPlace>(
    tenant: TenantId,
    id: ConversationId,
    work: (row: ConversationRow, announce: Announce) => Change,
  ): Change | MembershipChange {
    return database.write((announce) => {
      const row = find(tenant, id);
      return row ? work(row, announce) : { outcome: 'not-found' };
    });
  }

  return {
    async createConversation(tenant, { id, name, kind, createdBy, members }) {
      return database.write((announce) => {
        const existing = find(tenant, id);
        if (existing) return { outcome: 'exists', conversation: toConversation(existing) };
        if (gone.has(tenant, id, clock.now())) return { outcome: 'gone' };
        if (!places.hasRoom(tenant, createdBy)) return { outcome: 'no-place' };
        const epoch = newEpoch();
        const lineage = JSON.stringify([[epoch, 1]]);
        const hash = conversationKey(id);
        insert.run(
          tenant,
          id,
          hash,
          kind,
          name,
          roomNameOf(kind, name),
          clock.now(),
          createdBy,
          epoch,
          database.fence,
          lineage,
        );
        const row = find(tenant, id);
        if (!row) throw new Error('A conversation just written cannot be read.');
        join(tenant, row, members);
        places.take(tenant, createdBy, row.key);
        const joined = members.map(({ userId }) => userId);
        return { outcome: 'created', conversation: change(tenant, row, { joined, isNew: true }, announce) };
      });
    },

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
        const rows = database.read(() => selectIds.all(tenant, userId, key, LISTED_AT_ONCE)) as unknown as ListedRow[];
        for (const { id } of rows) ids.push(id as ConversationId);
        after = rows.at(-1)?.key ?? after;
        if (rows.length < LISTED_AT_ONCE) return ids;
      }
    },

    async renameConversation(tenant, id, name) {
      return onExisting(tenant, id, (row, announce) => {
        if (row.name === name) return { outcome: 'unchanged', conversation: toConversation(row) };
        return { outcome: 'changed', conversation: change(tenant, row, { name }, announce) };
      });
    },

    async addMembers(tenant, id, userIds, role) {
      return onExisting(tenant, id, (row, announce) => add(tenant, row, userIds, role, announce));
    },

    async joinConversation(tenant, id, userId) {
      return onExisting(tenant, id, (row, announce) => {
        if (!findMember(row, userId) && !places.hasRoom(tenant, userId)) return { outcome: 'no-place' };
        const joining = add(tenant, row, [userId], 'MEMBER', announce);
        if (joining.outcome === 'changed') places.take(tenant, userId, row.key);
        return joining;
      });
    },

    async removeMember(tenant, id, userId, actor) {
      return onExisting(tenant, id, (row, announce) => {
        // A member may leave.
        const isLeaving = actor?.userId === userId && actor.least === 'MEMBER';
        if (!isLeaving && !mayAct(row, actor, findMember(row, userId))) return { outcome: 'not-allowed' };
        const removed = deleteMember.run(row.key, userId).changes;
        if (removed === 0) return { outcome: 'unchanged', conversation: toConversation(row) };
        const eldest = selectEldest.get(row.key) as unknown as MemberRow | undefined;
        if (eldest && ownerCount(row) === 0) updateRole.run('OWNER', row.key, eldest.user_id);
        forgetTyping(tenant, id, userId);
        places.giveBack(tenant, userId, row.key);
        const why = actor?.userId === userId ? 'LEFT' : 'REMOVED';
        return { outcome: 'changed', conversation: change(tenant, row, { left: [userId], why }, announce) };
      });
    },

    async setMemberRole(tenant, id, userId, role, actor) {
      return onExisting(tenant, id, (row, announce) => {
        if (!mayAct(row, actor)) return { outcome: 'not-allowed' };
        const member = findMember(row, userId);
        if (!member) return { outcome: 'not-found' };
        if (member.role === role) return { outcome: 'unchanged', conversation: toConversation(row) };
        if (member.role === 'OWNER' && ownerCount(row) === 1) return { outcome: 'last-owner' };
        updateRole.run(role, row.key, userId);
        return { outcome: 'changed', conversation: change(tenant, row, {}, announce) };
      });
    },

    async deleteConversation(tenant, id, actor) {
      return database.write((announce) => {
        const row = find(tenant, id);
        if (!row) return 'not-found';
        if (!mayAct(row, actor)) return 'not-allowed';
        const left = selectMembers.all(row.key, 0, -1).map((each) => each['user_id'] as UserId);
        for (const userId of left) {
          deleteMember.run(row.key, userId);
          forgetTyping(tenant, id, userId);
          places.giveBack(tenant, userId, row.key);
        }
        change(tenant, row, { left, why: 'DELETED' }, announce);
        gone.add(tenant, row, clock.now());
        return 'deleted';
      });
    },

    async listMembers(tenant, id, after, limit) {
      return database.read(() => {
        const row = find(tenant, id);
        return row
          ? selectMembers.all(row.key, after, limit).map((each) => toMember(each as unknown as MemberRow))
          : [];
      });
    },

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
