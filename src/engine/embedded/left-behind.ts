/**
 * Removes abandoned data in SQLite: conversations without members, presence of users who have gone, lists that have
 * been empty for long, expired messages in conversations that nobody opens, and expired sessions and bookmarks of users
 * who do not return.
 *
 * Walks over the tables, a part of each every `TIMES.tidyMs`, so that no turn of the event loop is long.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import type { ConversationStore } from '../port.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Database } from './database.ts';
import type { MessageRetention } from './message-retention.ts';
import { isPassingFault } from './outage.ts';
import { createTopicForgetting } from './topics.ts';

export interface LeftBehindParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly log?: Log | undefined;
  readonly retention: MessageRetention;
  readonly conversations: Pick<ConversationStore, 'deleteConversation'>;
  /** How long abandoned data is kept; null: for ever. */
  readonly abandonedAfterMs: number | null;
  isConnected(tenant: TenantId, userId: UserId): boolean;
}

/** A part of the walk over one table, by the clock's time. */
type Part = (now: number) => void;

/** Tables whose rows expire, with the column or expression of their expiry. */
const ENDS = {
  'gone_conversations WHERE until <= ?': 0,
  'stops WHERE until <= ?': 0,
  'sent_keys WHERE expires_at <= ?': 0,
  'publication_keys WHERE expires_at <= ?': 0,
  'dead_events WHERE died_at <= ?': TIMES.eventsMs,
} as const;

function createEnds(database: Database): Part {
  const ends = Object.entries(ENDS).map(([rows, keptMs]) => ({
    drop: database.prepare(`DELETE FROM ${rows}`),
    keptMs,
  }));
  const events = database.prepare(
    'DELETE FROM events WHERE number IN (SELECT number FROM events WHERE at <= ? ORDER BY at LIMIT ?)',
  );
  const forgetTopics = createTopicForgetting(database);
  return (now) => {
    for (const { drop, keptMs } of ends) drop.run(now - keptMs);
    events.run(now - TIMES.eventsMs, LIMITS.tidiedAtATime);
    forgetTopics(now);
  };
}

interface UserRow {
  readonly tenant: string;
  readonly user_id: string;
  readonly at: number | null;
}

const FIRST = { tenant: '', user_id: '', at: null };

/** Walks over a table in which a user may have several rows, and drops the due ones. */
function createUserWalk(
  database: Database,
  { table, at, drop }: { readonly table: string; readonly at: string; drop(row: UserRow, now: number): void },
): Part {
  const select = database.prepare(
    `SELECT tenant, user_id, ${at} AS at FROM ${table} WHERE (tenant, user_id) > (?, ?) ORDER BY tenant, user_id LIMIT ?`,
  );
  let after: UserRow = FIRST;
  return (now) => {
    const rows = select.all(after.tenant, after.user_id, LIMITS.tidiedAtATime) as unknown as UserRow[];
    for (const row of rows) drop(row, now);
    after = rows.length < LIMITS.tidiedAtATime ? FIRST : (rows.at(-1) ?? FIRST);
  };
}

/**
 * Drops the presence of users who have gone. Their blocks and their choice to hide stay, since only they may change
 * these.
 */
function createPresenceWalk({ database, isConnected }: LeftBehindParts, keptMs: number): Part {
  const drop = database.prepare(
    `DELETE FROM presences WHERE tenant = ?1 AND user_id = ?2 AND status <> 'OFFLINE'
     AND NOT EXISTS (SELECT 1 FROM blocks WHERE tenant = ?1 AND user_id = ?2)`,
  );
  return createUserWalk(database, {
    table: 'presences',
    // A user who was never present either has chosen a status or has an empty row.
    at: "coalesce(last_seen_at, CASE WHEN status = 'ONLINE' AND status_text IS NULL THEN 0 END)",
    drop({ tenant, user_id, at }, now) {
      if (at === null || now - at < keptMs || isConnected(tenant as TenantId, user_id as UserId)) return;
      drop.run(tenant, user_id);
    },
  });
}

/** Drops empty lists with their logs, of users whose presence was dropped. */
function createListWalk({ database }: LeftBehindParts, keptMs: number): Part {
  const isThere = database.prepare(
    `SELECT 1 WHERE EXISTS (SELECT 1 FROM presences WHERE tenant = ?1 AND user_id = ?2)
     OR EXISTS (SELECT 1 FROM members WHERE tenant = ?1 AND user_id = ?2)`,
  );
  const drops = [
    'DELETE FROM user_log WHERE log = (SELECT key FROM user_logs WHERE tenant = ? AND user_id = ?)',
    'DELETE FROM user_logs WHERE tenant = ? AND user_id = ?',
    'DELETE FROM list_totals WHERE tenant = ? AND user_id = ?',
  ].map((sql) => database.prepare(sql));
  return createUserWalk(database, {
    table: 'user_logs',
    at: 'moved_at',
    drop({ tenant, user_id, at }, now) {
      if (now - (at ?? 0) < keptMs || isThere.get(tenant, user_id)) return;
      for (const each of drops) each.run(tenant, user_id);
    },
  });
}

/** Drops expired sessions and bookmarks. */
function createSessionWalk({ database }: LeftBehindParts): Part {
  const dropSessions = database.prepare(
    "DELETE FROM sessions WHERE tenant = ? AND user_id = ? AND json_extract(record, '$.expiresAt') <= ?",
  );
  const dropBookmarks = database.prepare('DELETE FROM inboxes WHERE tenant = ? AND user_id = ? AND written_at <= ?');
  const sessions = createUserWalk(database, {
    table: 'sessions',
    at: 'NULL',
    drop: ({ tenant, user_id }, now) => void dropSessions.run(tenant, user_id, now),
  });
  const bookmarks = createUserWalk(database, {
    table: 'inboxes',
    at: 'NULL',
    drop: ({ tenant, user_id }, now) => void dropBookmarks.run(tenant, user_id, now - TIMES.sessionMs),
  });
  return (now) => {
    sessions(now);
    bookmarks(now);
  };
}

/** Conversations of a part of the walk that need a change. */
interface DueConversations {
  /** They contain expired messages. */
  readonly expired: readonly ConversationRow[];
  /** They have had no member and no change for so long. */
  readonly abandoned: readonly ConversationRow[];
}

function createConversationWalk(
  { database, retention }: LeftBehindParts,
  keptMs: number,
): (now: number) => DueConversations {
  const select = database.prepare('SELECT * FROM conversations WHERE key > ? ORDER BY key LIMIT ?');
  let after = 0;
  return (now) => {
    const rows = select.all(after, LIMITS.tidiedAtATime) as unknown as ConversationRow[];
    after = rows.length < LIMITS.tidiedAtATime ? 0 : (rows.at(-1)?.key ?? 0);
    return {
      expired: rows.filter((row) => retention.hasOld(row)),
      abandoned: rows.filter(
        (row) => row.member_count === 0 && now - Math.max(row.created_at, row.changed_at, row.logged_at) >= keptMs,
      ),
    };
  };
}

/** Returns a function that stops the walk. */
export function walkOverLeftBehind(parts: LeftBehindParts): () => void {
  const { database, clock, log, retention, conversations, abandonedAfterMs } = parts;
  const keptMs = abandonedAfterMs ?? Number.POSITIVE_INFINITY;
  const walks = [
    createEnds(database),
    createSessionWalk(parts),
    createPresenceWalk(parts, keptMs),
    createListWalk(parts, keptMs),
  ];
  const dueAt = createConversationWalk(parts, keptMs);

  /** Nothing else happens between the check of a conversation and its deletion, which are in one turn. */
  function takePart(): Promise<unknown> {
    const now = clock.now();
    const { expired, abandoned } = dueAt(now);
    return Promise.all([
      database.write(() => {
        for (const each of walks) each(now);
      }),
      ...expired.map((row) => database.write(() => retention.withoutOld(row))),
      ...abandoned.map(({ tenant, id }) =>
        conversations.deleteConversation(tenant as TenantId, id as ConversationId, null),
      ),
    ]);
  }

  async function walk(): Promise<void> {
    await database.read(takePart);
    await database.giveBackPages(LIMITS.freedPages);
  }

  return clock.every(TIMES.tidyMs, () => {
    walk().catch((error: unknown) => {
      // The next walk finds the same data.
      if (!isPassingFault(error)) log?.error({ err: error }, 'abandoned data not removed');
    });
  });
}
