/** How connections and a chosen status make a presence, the same in every engine. */
import type { ConnectionType, DeviceId, DeviceRecord, PresenceRecord, PresenceStatus, UserId } from '../model.ts';

export interface StoredConnection {
  /** Null for a visit: it makes its user present without showing a device. */
  readonly deviceId: DeviceId | null;
  readonly connectionType: ConnectionType;
  readonly connectedAt: number;
}

export interface StoredStatus {
  readonly status: PresenceStatus;
  readonly statusText: string | null;
  readonly lastSeenAt: number | null;
  readonly version: number;
}

/** One device per id and way of connecting, since its earliest connection. */
function devicesOf(connections: readonly StoredConnection[]): DeviceRecord[] {
  const devices = new Map<string, DeviceRecord>();
  for (const { deviceId, connectionType, connectedAt } of connections) {
    if (deviceId === null) continue;
    const key = `${deviceId} ${connectionType}`;
    const known = devices.get(key);
    if (!known || connectedAt < known.connectedAt) devices.set(key, { deviceId, connectionType, connectedAt });
  }
  return [...devices.values()].sort((a, b) => a.connectedAt - b.connectedAt || a.deviceId.localeCompare(b.deviceId));
}

export function composePresence(
  userId: UserId,
  connections: readonly StoredConnection[],
  { status, statusText, lastSeenAt, version }: StoredStatus,
): PresenceRecord {
  const isHidden = connections.length === 0 || status === 'OFFLINE';
  return {
    userId,
    status: isHidden ? 'OFFLINE' : status,
    statusText,
    lastSeenAt,
    devices: isHidden ? [] : devicesOf(connections),
    isConnected: connections.some(({ deviceId }) => deviceId !== null),
    version,
  };
}
