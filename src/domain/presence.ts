/** Presence: which users are online, on which devices, and for how long after they vanished. */
import { isHiddenFrom, neverSeen } from '../access/blocking.ts';
import type { Clock } from '../clock.ts';
import type { Engine, NewConnection } from '../engine/port.ts';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  ConnectionId,
  DeviceId,
  DeviceRecord,
  Meter,
  PresenceRecord,
  PresenceStatus,
  TenantId,
  UserId,
  Viewer,
} from '../model.ts';
import { optional, userIdentifier, visibleText } from './input.ts';
import { createVisits, visitingDevice } from './presence-visits.ts';

export interface Presence {
  /**
   * In the given order, repeats included, as `viewer` sees them: a user who blocks the viewer appears as one who never connected.
   * The viewer is read only where the result depends on it, so that equal results are shared.
   */
  read(tenant: TenantId, userIds: readonly UserId[], viewer: () => UserId): Promise<PresenceRecord[]>;
  set(
    viewer: Viewer,
    meter: Meter,
    status: PresenceStatus,
    statusText: string | null | undefined,
  ): Promise<PresenceRecord>;
  /** Called when a connection of the viewer opens or changes its token. */
  arrive(viewer: Viewer, connection: Omit<NewConnection, 'sessionId'>): Promise<void>;
  /** Called when a connection closes. It counts as present during the grace period, so a quick reconnect changes nothing. */
  depart(viewer: Viewer, connectionId: ConnectionId): void;
}

/** The users of a presence query or subscription. */
export function presenceUserIds(userIds: readonly string[]): UserId[] {
  if (userIds.length === 0 || userIds.length > LIMITS.usersPerPresence) {
    throw badInput(`userIds: must have 1 to ${LIMITS.usersPerPresence} items.`);
  }
  return userIds.map((userId) => userIdentifier(userId, 'userIds'));
}

/** The devices that a user shows after this call; without a connection, the call begins a visit and ends the previous one. */
function devicesOnceShown(
  viewer: Viewer,
  { present, connectedBy, hides }: PresenceRecord,
  earlierVisit: DeviceId | null,
  now: number,
): DeviceRecord[] {
  const shown = hides ? present.map((device) => ({ ...device, connectedAt: now })) : present;
  if (connectedBy.length > 0) return [...shown];
  const deviceId = visitingDevice(viewer);
  const others = shown.filter(({ deviceId: id, connectionType: type }) => type !== 'HTTP' || id !== earlierVisit);
  if (others.some((device) => device.deviceId === deviceId && device.connectionType === 'HTTP')) return others;
  return [...others, { deviceId, connectionType: 'HTTP', connectedAt: now }];
}

export function createPresence(engine: Engine, clock: Clock, log: Log, graceMs: number): Presence {
  const { connect, disconnect, visit, current, end } = createVisits(engine, clock, log);

  async function apply(viewer: Viewer, status: PresenceStatus, words: string | null): Promise<PresenceRecord> {
    const presence = await engine.setStatus(viewer.tenant, viewer.userId, status, words);
    if (presence.connectedBy.length > 0) return presence;
    await visit(viewer);
    const [visiting] = await engine.readPresence(viewer.tenant, [viewer.userId]);
    return visiting ?? presence;
  }

  /** The presence that a status applied late will have. */
  async function asIfApplied(viewer: Viewer, status: PresenceStatus, words: string | null): Promise<PresenceRecord> {
    const [known] = await engine.readPresence(viewer.tenant, [viewer.userId]);
    if (!known) throw new Error('The engine answered no presence for a user.');
    const hides = status === 'OFFLINE';
    const isSeen = !hides || known.status !== 'OFFLINE';
    return {
      ...known,
      status,
      statusText: hides ? null : words,
      lastSeenAt: isSeen ? clock.now() : known.lastSeenAt,
      devices: hides ? [] : devicesOnceShown(viewer, known, current(viewer), clock.now()),
      hides,
    };
  }

  return {
    async read(tenant, userIds, viewer) {
      const distinct = [...new Set(userIds)];
      const records = await engine.readPresence(tenant, distinct);
      const seen = records.map((record) =>
        record.blocked.length > 0 && isHiddenFrom(viewer(), record) ? neverSeen(record.userId) : record,
      );
      const byUser = new Map(seen.map((record) => [record.userId, record]));
      return userIds.flatMap((userId) => byUser.get(userId) ?? []);
    },

    async set(viewer, meter, status, statusText) {
      const words = optional(statusText || null, (value) =>
        visibleText(value, 'statusText', LIMITS.statusTextCharacters),
      );
      return meter.signal({
        kind: 'presence',
        rank: 0,
        late: 'in-turn',
        apply: () => apply(viewer, status, words),
        asIfApplied: () => asIfApplied(viewer, status, words),
      });
    },

    async arrive(viewer, connection) {
      await connect(viewer, { ...connection, sessionId: viewer.sessionId });
      end(viewer);
    },

    depart(viewer, connectionId) {
      clock.after(graceMs, () => disconnect(viewer, connectionId));
    },
  };
}
