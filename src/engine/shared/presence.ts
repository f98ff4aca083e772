/** Computes a presence from connections and the chosen status, for both engines. */
import type {
  ConnectionType,
  DeviceId,
  DeviceRecord,
  PresenceRecord,
  PresenceStatus,
  SessionId,
  UserId,
} from '../../model.ts';

export interface StoredConnection {
  /** Null for a visit of earlier versions, which showed no device. */
  readonly deviceId: DeviceId | null;
  /** The session of its present token; null, or left out by older versions: none. */
  readonly sessionId?: SessionId | null;
  readonly connectionType: ConnectionType;
  readonly connectedAt: number;
}

export interface StoredStatus {
  readonly status: PresenceStatus;
  readonly statusText: string | null;
  /** Changes only while the user is visible, or becomes visible; null: never visible. */
  readonly lastSeenAt: number | null;
  /** When the user last stopped hiding; null, or left out by older versions: never. */
  readonly shownSince?: number | null;
  readonly version: number;
  /** Left out by older versions: nobody. */
  readonly blocked?: readonly UserId[];
}

/** Whether others see that a user is there. */
export function isShown({ status }: Pick<StoredStatus, 'status'>, connections: number): boolean {
  return connections > 0 && status !== 'OFFLINE';
}

/** A visit makes its user present for a while, without a connection. */
const isVisit = ({ deviceId, connectionType }: StoredConnection): boolean =>
  deviceId === null || connectionType === 'HTTP';

/** One device per id and connection type, dated by its earliest connection, but not before the user became visible. */
function devicesOf(connections: readonly StoredConnection[], shownSince: number): DeviceRecord[] {
  const devices = new Map<string, DeviceRecord>();
  for (const { deviceId, connectionType, connectedAt: since } of connections) {
    if (deviceId === null) continue;
    const connectedAt = Math.max(since, shownSince);
    const key = `${deviceId} ${connectionType}`;
    const known = devices.get(key);
    if (!known || connectedAt < known.connectedAt) devices.set(key, { deviceId, connectionType, connectedAt });
  }
  return [...devices.values()].sort((a, b) => a.connectedAt - b.connectedAt || a.deviceId.localeCompare(b.deviceId));
}

/** A hiding user looks like one who left at that moment; no field tells the two apart. */
export function composePresence(
  userId: UserId,
  connections: readonly StoredConnection[],
  stored: StoredStatus,
): PresenceRecord {
  const { status, statusText, lastSeenAt, shownSince, version } = stored;
  const shown = isShown(stored, connections.length);
  const present = devicesOf(connections, shownSince ?? 0);
  return {
    userId,
    status: shown ? status : 'OFFLINE',
    statusText: shown ? statusText : null,
    lastSeenAt,
    devices: shown ? present : [],
    present,
    connectedBy: connections.flatMap((connection) => (isVisit(connection) ? [] : [connection.sessionId ?? null])),
    hides: status === 'OFFLINE',
    blocked: stored.blocked ?? [],
    version,
  };
}
