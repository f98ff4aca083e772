/** Users' lists of conversations in SQLite: rows that change in the transaction that changes the conversation. */
import { LIMITS } from '../../limits.ts';
import type { ConversationId, ListedConversation, TenantId, UserId } from '../../model.ts';
import type { ListEntryChange, ListPage, ListQuery, ListStore } from '../port.ts';
import { READ } from '../shared/closed.ts';
import { allBucketsOf, type Bucket, byActivity, type Stretch, stretchesOf } from '../shared/conversation-list.ts';
import type { Database } from './database.ts';
import type { Answer } from './group-commit.ts';

interface ListedRow {
  readonly id: ConversationId;
  readonly kind: string;
  readonly peer: string | null;
  readonly activity: number;
  readonly sequence: number;
  readonly read_sequence: number;
  readonly is_pinned: number;
  readonly is_archived: number;
  readonly is_marked: number;
  readonly is_hidden: number;
  readonly muted_until: number | null;
}

/** The data of a conversation that a list stores. */
interface ListableRow {
  readonly key: number;
  readonly id: string;
  readonly kind: string;
  readonly created_at: number;
  readonly last_activity_at: number | null;
  readonly last_sequence: number;
  readonly is_large: number;
}

/** The parts of a transaction that changes a conversation. */
export interface ListRows {
  /** Members joined; `row`: the conversation afterwards. */
  join(tenant: TenantId, row: ListableRow, userIds: readonly UserId[]): void;
  leave(row: ListableRow, userId: UserId): void;
  /** A message was sent. */
  sent(row: ListableRow, senderId: UserId, sequence: number, time: number): void;
  /** A member has read up to a sequence, or repeats it. */
  read(row: ListableRow, userId: UserId, sequence: number): void;
}

export function createListRows(database: Database): ListRows {
  const insert = database.prepare(
    `INSERT INTO listed (conversation, user_id, tenant, id, kind, peer, activity, sequence, read_sequence, is_large)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = database.prepare('DELETE FROM listed WHERE conversation = ? AND user_id = ?');
  // One statement updates the sender's row as well, since each statement on a row runs its triggers.
  const advancing = `UPDATE listed SET activity = ?1, sequence = ?2, is_archived = 0, is_hidden = 0,
      read_sequence = CASE user_id WHEN ?4 THEN max(read_sequence, ?2) ELSE read_sequence END,
      is_marked = CASE user_id WHEN ?4 THEN 0 ELSE is_marked END
    WHERE conversation = ?3`;
  const advance = database.prepare(advancing);
  const advanceOne = database.prepare(`${advancing} AND user_id = ?4`);
  const read = database.prepare(
    `UPDATE listed SET read_sequence = max(read_sequence, min(?, sequence)), is_marked = 0
     WHERE conversation = ? AND user_id = ?`,
  );
  const bring = database.prepare(bringing('listed.conversation = ?1 AND listed.user_id = ?2'));
  const grow = database.prepare('UPDATE conversations SET is_large = 1 WHERE key = ? AND member_count > ?');
  const mark = database.prepare('UPDATE listed SET is_large = 1 WHERE conversation = ?');
  return {
    join(tenant, row, userIds) {
      const { key, id, kind, created_at, last_activity_at, last_sequence } = row;
      const isLarge = row.is_large === 1 || grow.run(key, LIMITS.listedMembers).changes > 0;
      if (isLarge && row.is_large === 0) mark.run(key);
      const activity = last_activity_at ?? created_at;
      for (const [index, userId] of userIds.entries()) {
        // A direct conversation is created with both of its members.
        const peer = kind === 'DIRECT' ? (userIds[1 - index] ?? null) : null;
        insert.run(key, userId, tenant, id, kind, peer, activity, last_sequence, last_sequence, Number(isLarge));
      }
    },
    leave: (row, userId) => void remove.run(row.key, userId),
    sent(row, senderId, sequence, time) {
      (row.is_large === 0 ? advance : advanceOne).run(time, sequence, row.key, senderId);
    },
    read(row, userId, sequence) {
      if (row.is_large === 1) bring.run(row.key, userId);
      read.run(sequence, row.key, userId);
    },
  };
}

/** Updates entries of large conversations, whose messages do not update lists. */
function bringing(which: string): string {
  return `UPDATE listed SET activity = coalesce(conversations.last_activity_at, conversations.created_at),
      sequence = conversations.last_sequence, is_archived = 0, is_hidden = 0
    FROM conversations WHERE conversations.key = listed.conversation AND listed.is_large = 1
      AND listed.sequence <> conversations.last_sequence AND ${which}`;
}

function toListed(row: ListedRow): ListedConversation {
  return {
    conversationId: row.id,
    kind: READ.conversationKind(row.kind),
    activity: row.activity,
    lastSequence: row.sequence,
    readSequence: row.read_sequence,
    isPinned: row.is_pinned === 1,
    isArchived: row.is_archived === 1,
    isMarkedUnread: row.is_marked === 1,
    mutedUntil: row.muted_until,
    peer: row.peer as UserId | null,
  };
}

/** The column that a change sets, and its value. */
function columnOf(change: ListEntryChange): readonly [string, number | null] {
  if ('isPinned' in change) return ['is_pinned', Number(change.isPinned)];
  if ('isArchived' in change) return ['is_archived', Number(change.isArchived)];
  if ('mutedUntil' in change) return ['muted_until', change.mutedUntil];
  return ['isHidden' in change ? 'is_hidden' : 'is_marked', 1];
}

/** Reads pages of lists by merging the buckets that a query selects. */
function createPages(database: Database): (tenant: TenantId, userId: UserId, query: ListQuery) => ListPage {
  const first = database.prepare(
    'SELECT * FROM listed WHERE tenant = ? AND user_id = ? AND bucket = ? ORDER BY activity DESC, id LIMIT ?',
  );
  const rest = database.prepare(
    `SELECT * FROM listed WHERE tenant = ?1 AND user_id = ?2 AND bucket = ?3 AND activity <= ?4
       AND (activity < ?4 OR id > ?5) ORDER BY activity DESC, id LIMIT ?6`,
  );
  const sizeOf = database.prepare('SELECT entries FROM list_totals WHERE tenant = ? AND user_id = ? AND bucket = ?');

  function rowsOf(tenant: TenantId, userId: UserId, bucket: Bucket, { after }: Stretch, limit: number): ListedRow[] {
    const rows = after
      ? rest.all(tenant, userId, bucket, after.activity, after.id, limit)
      : first.all(tenant, userId, bucket, limit);
    return rows as unknown as ListedRow[];
  }

  return (tenant, userId, query) => {
    const entries: ListedConversation[] = [];
    for (const stretch of stretchesOf(query)) {
      const rows = stretch.buckets.flatMap((bucket) => rowsOf(tenant, userId, bucket, stretch, query.limit));
      rows.sort(byActivity);
      entries.push(...rows.slice(0, query.limit - entries.length).map(toListed));
    }
    const totalCount = allBucketsOf(query).reduce((sum, bucket) => {
      const size = sizeOf.get(tenant, userId, bucket) as { entries: number } | undefined;
      return sum + (size?.entries ?? 0);
    }, 0);
    return { entries, totalCount };
  };
}

export function createLists(database: Database): ListStore {
  const hasLarge = database.prepare('SELECT 1 FROM listed WHERE tenant = ? AND user_id = ? AND is_large = 1 LIMIT 1');
  const bringLarge = database.prepare(bringing('listed.tenant = ?1 AND listed.user_id = ?2'));
  const pageOf = createPages(database);
  const sumUnread = database.prepare('SELECT sum(unread) AS unread FROM list_totals WHERE tenant = ? AND user_id = ?');
  const hidden = database.prepare(
    'SELECT id, sequence FROM listed WHERE tenant = ? AND user_id = ? AND bucket IS NULL',
  );
  const findKey = database.prepare('SELECT key FROM conversations WHERE tenant = ? AND id = ?');
  const findByKey = database.prepare('SELECT * FROM listed WHERE conversation = ? AND user_id = ?');
  const updates = new Map(
    ['is_pinned', 'is_archived', 'muted_until', 'is_hidden', 'is_marked'].map((column) => [
      column,
      database.prepare(`UPDATE listed SET ${column} = ? WHERE conversation = ? AND user_id = ?`),
    ]),
  );

  function rowOf(tenant: TenantId, userId: UserId, id: ConversationId): [key: number, row: ListedRow] | null {
    const found = findKey.get(tenant, id) as { key: number } | undefined;
    const row = found && (findByKey.get(found.key, userId) as unknown as ListedRow | undefined);
    return found && row ? [found.key, row] : null;
  }

  /** Reads a list whose entries are up to date. Most users are in no large conversation, and nothing is written. */
  function readWhole<Result>(tenant: TenantId, userId: UserId, work: () => Result): Answer<Result> {
    return database.read(() => {
      if (!hasLarge.get(tenant, userId)) return work();
      return database.write(() => {
        bringLarge.run(tenant, userId);
        return work();
      });
    });
  }

  return {
    async listConversations(tenant, userId, query) {
      return readWhole(tenant, userId, () => pageOf(tenant, userId, query));
    },

    async readListed(tenant, userId, ids) {
      return readWhole(tenant, userId, () =>
        ids.map((id) => {
          const [, row] = rowOf(tenant, userId, id) ?? [];
          return row?.is_hidden === 0 ? toListed(row) : null;
        }),
      );
    },

    async listHidden(tenant, userId) {
      const read = await database.read(() => hidden.all(tenant, userId));
      const rows = read as unknown as Pick<ListedRow, 'id' | 'sequence'>[];
      return new Map(rows.map(({ id, sequence }) => [id, sequence]));
    },

    async countUnread(tenant, userId) {
      return readWhole(tenant, userId, () => (sumUnread.get(tenant, userId) as { unread: number | null }).unread ?? 0);
    },

    async changeListed(tenant, userId, id, change) {
      return database.write((announce) => {
        bringLarge.run(tenant, userId);
        const [key] = rowOf(tenant, userId, id) ?? [];
        if (key === undefined) return null;
        const [column, value] = columnOf(change);
        updates.get(column)?.run(value, key, userId);
        const [, row] = rowOf(tenant, userId, id) ?? [];
        if (row && 'isHidden' in change) {
          const hidden = { conversationId: id, isMember: true, hiddenAt: row.sequence };
          announce({ kind: 'memberships', tenant, id: userId }, { type: 'membership', ...hidden });
        }
        return row ? toListed(row) : null;
      });
    },
  };
}
