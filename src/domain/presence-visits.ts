/** Records connections, and visits: a caller without a connection counts as present for a while. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Engine, NewConnection } from '../engine/port.ts';
import { TIMES } from '../limits.ts';
import { type Log, who } from '../log.ts';
import type { ConnectionId, DeviceId, Viewer } from '../model.ts';

export interface Visits {
  connect(viewer: Viewer, connection: NewConnection): Promise<void>;
  /** Retried until it is recorded. */
  disconnect(viewer: Viewer, connectionId: ConnectionId): void;
  /** Makes a caller without a connection present for a while. */
  visit(viewer: Viewer): Promise<void>;
  /** The device of the caller's visit, which the next visit ends; null: there is none on this node. */
  current(viewer: Viewer): DeviceId | null;
  /** Ends the visit of a caller who has a connection now. */
  end(viewer: Viewer): void;
}

interface Visit {
  readonly deviceId: DeviceId;
  end(): void;
}

/** The device of a visit. All visits of a caller whose token names no device have the same device. */
export const visitingDevice = ({ deviceId }: Viewer): DeviceId => deviceId ?? ('http' as DeviceId);

const keyOf = ({ tenant, userId }: Viewer): string => JSON.stringify([tenant, userId]);

export function createVisits(engine: Engine, clock: Clock, log: Log): Visits {
  /** The visits that are not over. */
  const visits = new Map<string, Visit>();

  function disconnect(viewer: Viewer, connectionId: ConnectionId): void {
    engine.disconnect(viewer.tenant, viewer.userId, connectionId).catch((error: unknown) => {
      // Debug only: during an outage this happens for every departure.
      log.debug({ err: error, ...who(viewer) }, 'departure not recorded; tried again');
      clock.after(TIMES.nodeRenewMs, () => disconnect(viewer, connectionId));
    });
  }

  async function connect(viewer: Viewer, connection: NewConnection): Promise<void> {
    try {
      await engine.connect(viewer.tenant, viewer.userId, connection);
    } catch (error) {
      // A failed attempt has an unknown outcome, and no departure follows, so it is undone here. A refusal without a
      // cause never reached the engine.
      if ((error as Error).cause !== undefined) disconnect(viewer, connection.connectionId);
      throw error;
    }
  }

  return {
    connect,
    disconnect,

    async visit(viewer) {
      const key = keyOf(viewer);
      const earlier = visits.get(key);
      const connectionId = `visit-${randomUUID()}` as ConnectionId;
      const deviceId = visitingDevice(viewer);
      await connect(viewer, { connectionId, deviceId, sessionId: null, connectionType: 'HTTP' });
      const cancel = clock.after(TIMES.visitMs, () => visit.end());
      const visit: Visit = {
        deviceId,
        end() {
          cancel();
          if (visits.get(key) === visit) visits.delete(key);
          disconnect(viewer, connectionId);
        },
      };
      visits.set(key, visit);
      earlier?.end();
    },

    current: (viewer) => visits.get(keyOf(viewer))?.deviceId ?? null,
    end: (viewer) => visits.get(keyOf(viewer))?.end(),
  };
}
