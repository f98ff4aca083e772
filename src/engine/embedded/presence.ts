/** Presence: statuses in SQLite, connections in memory, since they end with this process. */
import type { Clock } from '../../clock.ts';
import type { ConnectionId, PresenceRecord, TenantId, UserId } from '../../model.ts';
import type { BlockStore, NewConnection, PresenceStore } from '../port.ts';
import { composePresence, isShown, type StoredConnection } from '../shared/presence.ts';
import { createBlocks } from './blocks.ts';
import type { Database } from './database.ts';
import { createPresenceRows } from './presence-rows.ts';

const keyOf = (tenant: TenantId, userId: UserId): string => JSON.stringify([tenant, userId]);

export interface EmbeddedPresence extends PresenceStore, BlockStore {
  isConnected(tenant: TenantId, userId: UserId): boolean;
}

export function createPresence(database: Database, clock: Clock): EmbeddedPresence {
  const rows = createPresenceRows(database);
  const connections = new Map<string, Map<ConnectionId, StoredConnection>>();

  const { blockedBy, ...blocks } = createBlocks(database, (tenant, userId) => {
    rows.begin(tenant, userId);
    rows.renew(tenant, userId, clock.now());
    return read(tenant, userId);
  });

  const statusOf = (tenant: TenantId, userId: UserId) => rows.statusOf(tenant, userId, blockedBy(tenant, userId));

  function read(tenant: TenantId, userId: UserId): PresenceRecord {
    const connected = connections.get(keyOf(tenant, userId));
    return composePresence(userId, [...(connected?.values() ?? [])], statusOf(tenant, userId));
  }

  const isSeen = (tenant: TenantId, userId: UserId): boolean =>
    isShown(statusOf(tenant, userId), connections.get(keyOf(tenant, userId))?.size ?? 0);

  /** Runs a change. If the user is visible before or after it, it is noted as their last activity and announced. */
  function change(tenant: TenantId, userId: UserId, work: (now: number) => void): Promise<PresenceRecord> {
    return database.write((announce) => {
      rows.begin(tenant, userId);
      const wasSeen = isSeen(tenant, userId);
      // One instant for both, so that no device appears earlier than its user.
      const now = clock.now();
      work(now);
      if (!wasSeen && !isSeen(tenant, userId)) return read(tenant, userId);
      rows.noteSeen(tenant, userId, now);
      const presence = read(tenant, userId);
      announce({ kind: 'presence', tenant, id: userId }, { type: 'presence', presence });
      return presence;
    });
  }

  return {
    isConnected: (tenant, userId) => connections.has(keyOf(tenant, userId)),
    async connect(tenant, userId, { connectionId, ...connection }: NewConnection) {
      const key = keyOf(tenant, userId);
      const known = connections.get(key) ?? new Map<ConnectionId, StoredConnection>();
      const earlier = known.get(connectionId);
      if (earlier?.deviceId === connection.deviceId && earlier.sessionId === connection.sessionId) return;
      await change(tenant, userId, (now) => {
        known.set(connectionId, { ...connection, connectedAt: earlier?.connectedAt ?? now });
        connections.set(key, known);
      });
    },

    async disconnect(tenant, userId, connectionId) {
      const key = keyOf(tenant, userId);
      const known = connections.get(key);
      if (!known?.has(connectionId)) return;
      await change(tenant, userId, () => {
        known.delete(connectionId);
        if (known.size === 0) connections.delete(key);
      });
    },

    async setStatus(tenant, userId, status, statusText) {
      return change(tenant, userId, (now) => {
        const wasHidden = statusOf(tenant, userId).status === 'OFFLINE';
        rows.setStatus(tenant, userId, status, statusText);
        if (wasHidden && status !== 'OFFLINE') rows.show(tenant, userId, now);
      });
    },

    async readPresence(tenant, userIds) {
      return database.read(() => userIds.map((userId) => read(tenant, userId)));
    },

    ...blocks,
  };
}
