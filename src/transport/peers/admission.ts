/** Admission of both kinds of sockets: counted, identified, present, and watched for the end of their session. */

import { type Bearer, RenewableBearer } from '../../access/bearer.ts';
import { reasonOf, type VerifyToken } from '../../access/tokens.ts';
import type { Clock } from '../../clock.ts';
import {
  badInput,
  CLOSE_CODES,
  type RefusalReason,
  type ServiceError,
  unauthenticated,
  unavailable,
} from '../../errors.ts';
import { type Log, who } from '../../log.ts';
import {
  type ConnectionId,
  type ConnectionType,
  type DeviceId,
  isIdentifier,
  type Meter,
  type Viewer,
} from '../../model.ts';
import type { Metrics, Transport } from '../../observability/metrics.ts';
import type { RateLimits } from '../../rates/rate-limits.ts';
import type { StreamConnection, WatchTokens } from '../streams/streams.ts';
import type { Connection } from '../websocket/connection.ts';
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

/** The values with which a connection asks for admission. */
export interface Credentials {
  readonly token: string | null;
  /** Null: the session, or else the connection, counts as the device. */
  readonly deviceId: string | null;
  readonly connectionType: ConnectionType;
  /** Whether a gateway brings them; it opens sockets for many users. */
  readonly isGateway: boolean;
}

export interface Admitted {
  readonly viewer: Viewer;
  readonly meter: Meter;
}

/** The reason of a refusal, as a close and as an error. */
export interface Refused {
  readonly code: number;
  readonly reason: string;
  readonly error: ServiceError;
}

const AUTHENTICATION_MS = 5_000;

export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Counts a connection, before its user is known. */
  open(connection: Connection, transport: Transport, address: string | null): void {
    const { supervisor, metrics, depart, clock, log } = this.#options;
    supervisor.add(connection, address);
    connection.bePatientWithStranger();
    metrics.connections.inc({ transport });
    const openedAt = clock.elapsed();
    connection.onClose((code) => {
      metrics.connections.dec({ transport });
      metrics.closes.inc({ code: String(code) });
      const { id, viewer } = connection;
      const line = { connection: id, transport, code, durationMs: Math.round(clock.elapsed() - openedAt) };
      // Connections that are not admitted are counted, and logged at `debug` only, so they cannot fill the log.
      if (!viewer) return log.debug(line, 'socket closed before it was let in');
      log.info({ ...line, ...who(viewer) }, 'socket closed');
      depart(viewer, id);
    });
  }

  /** Identifies a connection. A refused one is still open: its transport reports the refusal. */
  async admit(connection: Connection, credentials: Credentials): Promise<Admitted | Refused> {
    const { rateLimits, supervisor, metrics, log, depart } = this.#options;
    const { isGateway } = credentials;
    const viewer = await this.#identify(connection, credentials.token);
    if ('error' in viewer) return viewer;
    try {
      if (!isGateway) rateLimits.connect(viewer);
    } catch (error) {
      metrics.turnedAway.inc({ reason: 'rate' });
      return tooMany(error as ServiceError);
    }
    if (!supervisor.claim(connection, viewer, isGateway)) return tooMany(unavailable());
    if (credentials.deviceId !== null && !isIdentifier(credentials.deviceId)) {
      return {
        code: CLOSE_CODES.BAD_REQUEST,
        reason: 'deviceId is not an id',
        error: badInput('deviceId: must be an id.'),
      };
    }
    const bearer = new RenewableBearer(viewer);
    try {
      await this.#watch(connection, bearer);
      await this.#arrive(connection, bearer, credentials);
    } catch (error) {
      log.warn({ err: error, ...who(viewer) }, 'arrival not recorded');
      return tryLater();
    }
    if (!connection.isOpen) {
      depart(viewer, connection.id);
      return tryLater();
    }
    connection.bearer = bearer;
    log.info({ connection: connection.id, type: credentials.connectionType, ...who(viewer) }, 'socket let in');
    const present = (): Viewer => connection.viewer ?? viewer;
    return {
      viewer,
      meter: isGateway
        ? rateLimits.ofGateway(present)
        : rateLimits.ofConnection(present, () => connection.close(CLOSE_CODES.TOO_MANY, 'Rate limit exceeded')),
    };
  }

  /** Keeps a gateway's connection without room until it has the error; false: there is no room for that either. */
  keepTurnedAway(connection: Connection): boolean {
    return this.#options.supervisor.keepTurnedAway(connection);
  }

  /** The connection has proven to be a gateway's, which carries many users. */
  vouch(connection: Connection): void {
    this.#options.supervisor.vouch(connection);
  }

  /** Counts the bearer as present, on the device and with the session of the present token. */
  async #arrive(connection: Connection, bearer: Bearer, { deviceId, connectionType }: Credentials): Promise<void> {
    const { arrive, log } = this.#options;
    const present = (): Promise<void> => {
      const { viewer } = bearer;
      // A session fixes its device; only without one the client may name another.
      const named = viewer.sessionId === null ? (deviceId ?? viewer.deviceId) : viewer.deviceId;
      const device = { connectionId: connection.id, deviceId: (named ?? connection.id) as DeviceId, connectionType };
      return arrive(viewer, device);
    };
    await present();
    bearer.onRenewed(() => {
      if (!connection.isOpen) return;
      present().catch((error: unknown) => log.warn({ err: error, ...who(bearer.viewer) }, 'new token not recorded'));
    });
  }

  /** Closes a connection when its token is revoked. */
  async #watch(connection: Connection, bearer: Bearer): Promise<void> {
    const end = (): void => connection.close(CLOSE_CODES.UNAUTHORIZED, 'REVOKED');
    const stop = await this.#options.watchTokens(bearer, end);
    if (connection.isOpen) connection.onClose(stop);
    else stop();
  }

  async #identify(connection: Connection, token: string | null): Promise<Viewer | Refused> {
    const { clock, verifyToken } = this.#options;
    if (!token) return unauthorized('MISSING', 'A token is needed');
    const verification = await within(
      clock,
      connection,
      // The engine, which knows the revoked tokens, may be unavailable.
      verifyToken(token).catch(() => ({ outcome: 'unknown' as const })),
    );
    if (!verification)
      return { code: CLOSE_CODES.TIMEOUT, reason: 'Authentication took too long', error: unavailable() };
    if (verification.outcome === 'unknown') return tryLater();
    if (verification.outcome === 'valid') return verification.viewer;
    const reason = reasonOf(verification);
    if (reason === 'EXPIRED') return unauthorized(reason, 'Token expired', CLOSE_CODES.TOKEN_EXPIRED);
    return unauthorized(reason, reason === 'REVOKED' ? reason : 'The token is not valid');
  }
}

const unauthorized = (why: RefusalReason, reason: string, code: number = CLOSE_CODES.UNAUTHORIZED): Refused => ({
  code,
  reason,
  error: unauthenticated(why),
});

const tryLater = (): Refused => ({
  code: CLOSE_CODES.TRY_AGAIN_LATER,
  reason: 'Try again later',
  error: unavailable(),
});

export const noRoom = (): Refused => ({
  code: CLOSE_CODES.TRY_AGAIN_LATER,
  reason: 'Over capacity',
  error: unavailable(),
});

const tooMany = (error: ServiceError): Refused => ({
  code: CLOSE_CODES.TRY_AGAIN_LATER,
  reason: 'Too many connections',
  error,
});

/** Null: it took too long, or the connection has ended and its frames are released. */
async function within<Value>(clock: Clock, connection: Connection, work: Promise<Value>): Promise<Value | null> {
  let cancel = (): void => undefined;
  const deadline = new Promise<null>((resolve) => {
    const stop = clock.after(AUTHENTICATION_MS, () => resolve(null));
    const forget = connection.onEnd(() => resolve(null));
    cancel = () => {
      stop();
      forget();
    };
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    cancel();
  }
}
