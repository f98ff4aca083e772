/** Presence: statuses in SQLite, connections in memory, since they end with this process. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { ConnectionId, PresenceRecord, PresenceStatus, TenantId, UserId } from '../../model.ts';
import type { BlockStore, NewConnection, PresenceStore } from '../port.ts';
import { composePresence, isShown, type StoredConnection, type StoredStatus } from '../shared/presence.ts';
import type { Database } from './database.ts';

interface PresenceRow {
  readonly status: string;
  readonly status_text: string | null;
  readonly last_seen_at: number | null;
  readonly shown_since: number | null;
  readonly version: number;
}

export function createPresence(database: Database, clock: Clock): PresenceStore & BlockStore {
  const select = database.prepare('SELECT * FROM presences WHERE tenant = ? AND user_id = ?');
  const begin = database.prepare('INSERT OR IGNORE INTO presences (tenant, user_id, version) VALUES (?, ?, 0)');
  const seen = database.prepare(
    'UPDATE presences SET last_seen_at = ?, version = version + 1 WHERE tenant = ? AND user_id = ?',
  );
  const update = database.prepare('UPDATE presences SET status = ?, status_text = ? WHERE tenant = ? AND user_id = ?');
  const show = database.prepare('UPDATE presences SET shown_since = ? WHERE tenant = ? AND user_id = ?');
  const renew = database.prepare('UPDATE presences SET version = version + 1 WHERE tenant = ? AND user_id = ?');
  const blockedBy = database.prepare(
    'SELECT blocked_id FROM blocks WHERE tenant = ? AND user_id = ? ORDER BY blocked_id',
  );
  const isBlocking = database.prepare('SELECT 1 FROM blocks WHERE tenant = ? AND user_id = ? AND blocked_id = ?');
  const block = database.prepare('INSERT INTO blocks VALUES (?, ?, ?)');
  const unblock = database.prepare('DELETE FROM blocks WHERE tenant = ? AND user_id = ? AND blocked_id = ?');
  const connections = new Map<string, Map<ConnectionId, StoredConnection>>();
  const keyOf = (tenant: TenantId, userId: UserId): string => JSON.stringify([tenant, userId]);

  function statusOf(tenant: TenantId, userId: UserId): StoredStatus {
    const row = select.get(tenant, userId) as unknown as PresenceRow | undefined;
    return {
      status: (row?.status ?? 'ONLINE') as PresenceStatus,
      statusText: row?.status_text ?? null,
      lastSeenAt: row?.last_seen_at ?? null,
      shownSince: row?.shown_since ?? null,
      version: row?.version ?? 0,
      blocked: blockedBy.all(tenant, userId).map((each) => each['blocked_id'] as UserId),
    };
  }

  function read(tenant: TenantId, userId: UserId): PresenceRecord {
    const connected = connections.get(keyOf(tenant, userId));
    return composePresence(userId, [...(connected?.values() ?? [])], statusOf(tenant, userId));
  }

  const isSeen = (tenant: TenantId, userId: UserId): boolean =>
    isShown(statusOf(tenant, userId), connections.get(keyOf(tenant, userId))?.size ?? 0);

  /** Runs a change; one of who is shown before or after it is noted as a sight of them, and announced. */
  function change(tenant: TenantId, userId: UserId, work: (now: number) => void): PresenceRecord {
    return database.write((announce) => {
      begin.run(tenant, userId);
      const wasSeen = isSeen(tenant, userId);
      // One moment: a device was never there before its user was.
      const now = clock.now();
      work(now);
      if (!wasSeen && !isSeen(tenant, userId)) return read(tenant, userId);
      seen.run(now, tenant, userId);
      const presence = read(tenant, userId);
      announce({ kind: 'presence', tenant, id: userId }, { type: 'presence', presence });
      return presence;
    });
  }

  return {
    async connect(tenant, userId, { connectionId, ...connection }: NewConnection) {
      const key = keyOf(tenant, userId);
      const known = connections.get(key) ?? new Map<ConnectionId, StoredConnection>();
      const earlier = known.get(connectionId);
      const { deviceId, sessionId } = connection;
      if (earlier && earlier.deviceId === deviceId && earlier.sessionId === sessionId) return;
      change(tenant, userId, (now) => {
        known.set(connectionId, { ...connection, connectedAt: earlier?.connectedAt ?? now });
        connections.set(key, known);
      });
    },

    async disconnect(tenant, userId, connectionId) {
      const key = keyOf(tenant, userId);
      const known = connections.get(key);
      if (!known?.has(connectionId)) return;
      change(tenant, userId, () => {
        known.delete(connectionId);
        if (known.size === 0) connections.delete(key);
      });
    },

    async setStatus(tenant, userId, status, statusText) {
      return change(tenant, userId, (now) => {
        const wasHidden = statusOf(tenant, userId).status === 'OFFLINE';
        update.run(status, statusText, tenant, userId);
        if (wasHidden && status !== 'OFFLINE') show.run(now, tenant, userId);
      });
    },

    async setBlocked(tenant, userId, blockedId, isBlocked) {
      return database.write((announce) => {
        if ((isBlocking.get(tenant, userId, blockedId) !== undefined) === isBlocked) return 'unchanged';
        if (!isBlocked) unblock.run(tenant, userId, blockedId);
        else if (blockedBy.all(tenant, userId).length >= LIMITS.blockedPerUser) return 'full';
        else block.run(tenant, userId, blockedId);
        begin.run(tenant, userId);
        renew.run(tenant, userId);
        announce({ kind: 'presence', tenant, id: userId }, { type: 'presence', presence: read(tenant, userId) });
        return 'changed';
      });
    },

    async findBlockers(tenant, blockedId, among) {
      return database.read(() => among.filter((userId) => isBlocking.get(tenant, userId, blockedId) !== undefined));
    },

    async readPresence(tenant, userIds) {
      return database.read(() => userIds.map((userId) => read(tenant, userId)));
    },
  };
}
