/** Presence: statuses in SQLite, connections in memory, since they end with this process. */
import type { Clock } from '../../clock.ts';
import type { ConnectionId, PresenceRecord, PresenceStatus, TenantId, UserId } from '../../model.ts';
import type { NewConnection, PresenceStore } from '../port.ts';
import { composePresence, type StoredConnection } from '../presence.ts';
import type { Database } from './database.ts';

interface PresenceRow {
  readonly status: string;
  readonly status_text: string | null;
  readonly last_seen_at: number;
  readonly version: number;
}

export function createPresence(database: Database, clock: Clock): PresenceStore {
  const select = database.prepare('SELECT * FROM presence WHERE tenant = ? AND user_id = ?');
  const seen = database.prepare(
    `INSERT INTO presence (tenant, user_id, last_seen_at) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at, version = version + 1`,
  );
  const update = database.prepare('UPDATE presence SET status = ?, status_text = ? WHERE tenant = ? AND user_id = ?');
  const connections = new Map<string, Map<ConnectionId, StoredConnection>>();
  const keyOf = (tenant: TenantId, userId: UserId): string => JSON.stringify([tenant, userId]);

  function read(tenant: TenantId, userId: UserId): PresenceRecord {
    const row = select.get(tenant, userId) as unknown as PresenceRow | undefined;
    return composePresence(userId, [...(connections.get(keyOf(tenant, userId))?.values() ?? [])], {
      status: (row?.status ?? 'ONLINE') as PresenceStatus,
      statusText: row?.status_text ?? null,
      lastSeenAt: row?.last_seen_at ?? null,
      version: row?.version ?? 0,
    });
  }

  /** Runs a change, notes that the user was seen, and announces what came of it. */
  function change(tenant: TenantId, userId: UserId, work: () => void): PresenceRecord {
    return database.write((announce) => {
      seen.run(tenant, userId, clock.now());
      work();
      const presence = read(tenant, userId);
      announce({ kind: 'presence', tenant, id: userId }, { type: 'presence', presence });
      return presence;
    });
  }

  return {
    async connect(tenant, userId, { connectionId, deviceId, connectionType }: NewConnection) {
      const key = keyOf(tenant, userId);
      const known = connections.get(key) ?? new Map<ConnectionId, StoredConnection>();
      if (known.has(connectionId)) return;
      change(tenant, userId, () => {
        known.set(connectionId, { deviceId, connectionType, connectedAt: clock.now() });
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
      return change(tenant, userId, () => void update.run(status, statusText, tenant, userId));
    },

    async readPresence(tenant, userIds) {
      return database.read(() => userIds.map((userId) => read(tenant, userId)));
    },
  };
}
