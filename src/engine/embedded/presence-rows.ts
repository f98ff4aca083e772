/**
 * Rows of presence: the status a user has chosen, and when they were seen last.
 *
 * Versions grow with time, so a presence that was dropped and begins again has higher versions than before.
 */
import type { PresenceStatus, TenantId, UserId } from '../../model.ts';
import { READ } from '../shared/closed.ts';
import type { StoredStatus } from '../shared/presence.ts';
import type { Database } from './database.ts';

interface PresenceRow {
  readonly status: string;
  readonly status_text: string | null;
  readonly last_seen_at: number | null;
  readonly shown_since: number | null;
  readonly version: number;
}

export interface PresenceRows {
  begin(tenant: TenantId, userId: UserId): void;
  statusOf(tenant: TenantId, userId: UserId, blocked: readonly UserId[]): StoredStatus;
  setStatus(tenant: TenantId, userId: UserId, status: PresenceStatus, statusText: string | null): void;
  /** Notes that the user was seen now. Their presence gets a new version. */
  noteSeen(tenant: TenantId, userId: UserId, now: number): void;
  /** The user no longer hides. */
  show(tenant: TenantId, userId: UserId, now: number): void;
  /** Gives their presence a new version. */
  renew(tenant: TenantId, userId: UserId, now: number): void;
}

export function createPresenceRows(database: Database): PresenceRows {
  const select = database.prepare('SELECT * FROM presences WHERE tenant = ? AND user_id = ?');
  const begin = database.prepare('INSERT OR IGNORE INTO presences (tenant, user_id, version) VALUES (?, ?, 0)');
  const seen = database.prepare(
    'UPDATE presences SET last_seen_at = ?1, version = max(version + 1, ?1) WHERE tenant = ?2 AND user_id = ?3',
  );
  const update = database.prepare('UPDATE presences SET status = ?, status_text = ? WHERE tenant = ? AND user_id = ?');
  const show = database.prepare('UPDATE presences SET shown_since = ? WHERE tenant = ? AND user_id = ?');
  const renew = database.prepare(
    'UPDATE presences SET version = max(version + 1, ?1) WHERE tenant = ?2 AND user_id = ?3',
  );
  return {
    begin: (tenant, userId) => void begin.run(tenant, userId),
    setStatus: (tenant, userId, status, statusText) => void update.run(status, statusText, tenant, userId),
    noteSeen: (tenant, userId, now) => void seen.run(now, tenant, userId),
    show: (tenant, userId, now) => void show.run(now, tenant, userId),
    renew: (tenant, userId, now) => void renew.run(now, tenant, userId),

    statusOf(tenant, userId, blocked) {
      const row = select.get(tenant, userId) as unknown as PresenceRow | undefined;
      return {
        status: READ.presenceStatus(row?.status ?? 'ONLINE'),
        statusText: row?.status_text ?? null,
        lastSeenAt: row?.last_seen_at ?? null,
        shownSince: row?.shown_since ?? null,
        version: row?.version ?? 0,
        blocked,
      };
    },
  };
}
