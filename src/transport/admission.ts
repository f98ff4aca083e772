/** How sockets of either kind are let in: counted, identified, present, and watched for the end of their session. */

import { type Bearer, RenewableBearer } from '../access/bearer.ts';
import type { VerifyToken } from '../auth/tokens.ts';
import type { Clock } from '../clock.ts';
import { CLOSE_CODES } from '../errors.ts';
import { type Log, who } from '../log.ts';
import {
  type ConnectionId,
  type ConnectionType,
  type DeviceId,
  isIdentifier,
  type Meter,
  type Viewer,
} from '../model.ts';
import type { Metrics, Transport } from '../operations/metrics.ts';
import type { RateLimits } from '../rates/rate-limits.ts';
import type { Connection } from './connection.ts';
import type { StreamConnection, WatchTokens } from './streams.ts';
import type { Supervisor } from './supervisor.ts';

export interface AdmissionOptions {
  readonly verifyToken: VerifyToken;
  readonly rateLimits: RateLimits;
  readonly watchTokens: WatchTokens;
  readonly arrive: (viewer: Viewer, connection: StreamConnection) => Promise<void>;
  readonly depart: (viewer: Viewer, connectionId: ConnectionId) => void;
  readonly supervisor: Supervisor;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a connection brings to be let in. */
export interface Credentials {
  readonly token: string | null;
  /** Null: the session, or else the connection, counts as the device. */
  readonly deviceId: string | null;
  readonly connectionType: ConnectionType;
}

export interface Admitted {
  readonly viewer: Viewer;
  readonly meter: Meter;
}

const AUTHENTICATION_MS = 5_000;

export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Counts a connection, whoever it may be. */
  open(connection: Connection, transport: Transport, address: string | null): void {
    const { supervisor, metrics, depart, clock, log } = this.#options;
    supervisor.add(connection, address);
    metrics.connections.inc({ transport });
    const openedAt = clock.elapsed();
    connection.onClose((code) => {
      metrics.connections.dec({ transport });
      metrics.closes.inc({ code: String(code) });
      const { id, viewer } = connection;
      const line = { connection: id, transport, code, durationMs: Math.round(clock.elapsed() - openedAt) };
      // Whoever was not let in is counted, and not given a line each to fill the log with.
      if (!viewer) return log.debug(line, 'socket closed before it was let in');
      log.info({ ...line, ...who(viewer) }, 'socket closed');
      depart(viewer, id);
    });
  }

  /** Identifies a connection; null: it was closed with the contract's code. */
  async admit(connection: Connection, credentials: Credentials): Promise<Admitted | null> {
    const { rateLimits, supervisor, metrics, log, depart } = this.#options;
    const refuse = (code: number, reason: string): null => {
      connection.close(code, reason);
      return null;
    };
    const viewer = await this.#identify(connection, credentials.token);
    if (!viewer) return null;
    try {
      rateLimits.connect(viewer);
    } catch {
      metrics.turnedAway.inc({ reason: 'rate' });
      return refuse(CLOSE_CODES.TRY_AGAIN_LATER, 'Too many connections');
    }
    if (!supervisor.claim(connection, viewer)) return refuse(CLOSE_CODES.TRY_AGAIN_LATER, 'Too many connections');
    const deviceId =
      viewer.sessionId === null
        ? (credentials.deviceId ?? viewer.deviceId ?? connection.id)
        : (viewer.deviceId ?? connection.id);
    if (!isIdentifier(deviceId)) return refuse(CLOSE_CODES.BAD_REQUEST, 'deviceId is not an id');
    const bearer = new RenewableBearer(viewer);
    try {
      await this.#watch(connection, bearer);
      const { connectionType } = credentials;
      const device = { connectionId: connection.id, deviceId: deviceId as DeviceId, connectionType };
      await this.#options.arrive(viewer, device);
    } catch (error) {
      log.warn({ err: error, ...who(viewer) }, 'arrival not recorded');
      return refuse(CLOSE_CODES.TRY_AGAIN_LATER, 'Try again later');
    }
    if (!connection.isOpen) {
      depart(viewer, connection.id);
      return null;
    }
    connection.bearer = bearer;
    log.info({ connection: connection.id, type: credentials.connectionType, ...who(viewer) }, 'socket let in');
    return {
      viewer,
      meter: rateLimits.ofConnection(
        () => connection.viewer ?? viewer,
        () => connection.close(CLOSE_CODES.TOO_MANY, 'Too often'),
      ),
    };
  }

  /** The connection has proven to be a gateway's, which speaks for many. */
  vouch(connection: Connection): void {
    this.#options.supervisor.vouch(connection);
  }

  /** Closes a connection when the token it goes by is taken back. */
  async #watch(connection: Connection, bearer: Bearer): Promise<void> {
    const end = (): void => connection.close(CLOSE_CODES.UNAUTHORIZED, 'REVOKED');
    const stop = await this.#options.watchTokens(bearer, end);
    if (connection.isOpen) connection.onClose(stop);
    else stop();
  }

  async #identify(connection: Connection, token: string | null): Promise<Viewer | null> {
    const { clock, verifyToken } = this.#options;
    const refuse = (code: number, reason: string): null => {
      connection.close(code, reason);
      return null;
    };
    if (!token) return refuse(CLOSE_CODES.UNAUTHORIZED, 'A token is needed');
    const verification = await within(
      clock,
      // The engine is asked whether it was taken back, and may be away.
      verifyToken(token).catch(() => ({ outcome: 'unknown' as const })),
    );
    if (!verification) return refuse(CLOSE_CODES.TIMEOUT, 'Authentication took too long');
    if (verification.outcome === 'unknown') return refuse(CLOSE_CODES.TRY_AGAIN_LATER, 'Try again later');
    if (verification.outcome === 'expired') return refuse(CLOSE_CODES.TOKEN_EXPIRED, 'Token expired');
    if (verification.outcome === 'revoked') return refuse(CLOSE_CODES.UNAUTHORIZED, 'REVOKED');
    if (verification.outcome !== 'valid') return refuse(CLOSE_CODES.UNAUTHORIZED, 'The token is not valid');
    return verification.viewer;
  }
}

async function within<Value>(clock: Clock, work: Promise<Value>): Promise<Value | null> {
  let cancel = (): void => undefined;
  const deadline = new Promise<null>((resolve) => {
    cancel = clock.after(AUTHENTICATION_MS, () => resolve(null));
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    cancel();
  }
}
