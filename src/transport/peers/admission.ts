/**
 * Admission of the sockets of `/graphql` and of `/ws`: they are counted, identified by their token, recorded as present,
 * and closed when the token is revoked. `../streams/streams.ts` does the same for streams over HTTP.
 */

import { type Bearer, RenewableBearer } from '../../access/bearer.ts';
import { reasonOf, type VerifyToken } from '../../access/tokens.ts';
import type { Clock } from '../../clock.ts';
import type { TokenHolder } from '../../delivery/sessions/channel.ts';
import type { TokenWatch } from '../../delivery/sessions/token-watch.ts';
import type { Presence } from '../../domain/presence.ts';
import {
  badInput,
  CLOSE_CODES,
  type RefusalReason,
  type ServiceError,
  TOO_SLOW,
  unauthenticated,
  unavailable,
} from '../../errors.ts';
import { TIMES } from '../../limits.ts';
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
import { Deadline } from './deadline.ts';
import type { Peer, Socket, Supervisor } from './supervisor.ts';

/** A socket that asks for admission. */
export interface AdmissibleSocket extends Socket {
  readonly id: ConnectionId;
  /** By `Clock.elapsed`. */
  readonly openedAt: number;
  readonly isClosed: boolean;
  /** The code and reason of its close. */
  readonly closedWith: { readonly code: number; readonly reason: string };
  /** Null until it is admitted. */
  bearer: RenewableBearer | null;
  /** The same as `bearer`, from before admission is complete to the end of the connection: notified of a revoked token. */
  arrival: TokenHolder | null;
  /** The label in metrics and the log. */
  transport: Transport;
  /** Excess frames of such a peer stay unread, and it is not closed for them. */
  bePatientWith(peer: 'stranger' | 'gateway'): void;
  /** Calls back once nothing more may be sent, at once if that is so. The returned function cancels. */
  onEnd(ended: () => void): () => void;
}

export interface AdmissionOptions {
  readonly verifyToken: VerifyToken;
  readonly rateLimits: RateLimits;
  readonly tokens: TokenWatch;
  readonly arrive: Presence['arrive'];
  readonly depart: Presence['depart'];
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
  /** Whether a gateway sent them; it opens sockets for many users. */
  readonly isGateway: boolean;
}

export interface Admitted {
  readonly viewer: Viewer;
  readonly meter: Meter;
}

/** Why a connection is refused, as a close code and as an error. */
export interface Refused {
  readonly code: number;
  readonly reason: string;
  readonly error: ServiceError;
}

/** The bearer of a connection's token, counted as present. */
class Arrival extends RenewableBearer implements TokenHolder {
  readonly #connection: AdmissibleSocket;
  readonly #deviceId: string | null;
  readonly #type: ConnectionType;
  readonly #options: AdmissionOptions;

  constructor(connection: AdmissibleSocket, viewer: Viewer, credentials: Credentials, options: AdmissionOptions) {
    super(viewer);
    this.#connection = connection;
    this.#deviceId = credentials.deviceId;
    this.#type = credentials.connectionType;
    this.#options = options;
  }

  get bearer(): Bearer {
    return this;
  }

  /** Counts the bearer as present, on the device and by the session of the current token. */
  record(): Promise<void> {
    const { viewer } = this;
    const { id } = this.#connection;
    // A session has a fixed device; only a client without a session may name its device.
    const named = viewer.sessionId === null ? (this.#deviceId ?? viewer.deviceId) : viewer.deviceId;
    const device = { connectionId: id, deviceId: (named ?? id) as DeviceId, connectionType: this.#type };
    return this.#options.arrive(viewer, device);
  }

  override renew(next: Viewer): boolean {
    if (!super.renew(next)) return false;
    const { log, tokens } = this.#options;
    // The new token may have been revoked between its check and its use.
    tokens.lookAgain(this);
    if (!this.#connection.isOpen) return true;
    this.record().catch((error: unknown) => log.warn({ err: error, ...who(this.viewer) }, 'new token not recorded'));
    return true;
  }

  onTokenEnd(): void {
    this.#connection.close(CLOSE_CODES.UNAUTHORIZED, 'REVOKED');
  }
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #identifying: Deadline<() => void>;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#identifying = new Deadline(options.clock, TIMES.authenticationMs, (giveUp) => giveUp());
  }

  /** Counts a connection, before its user is known. */
  enter(connection: AdmissibleSocket, transport: Transport, address: string | null): void {
    const { supervisor, metrics } = this.#options;
    supervisor.add(connection, address, this.#onLeft);
    // Its frames wait unread until it is identified.
    connection.bePatientWith('stranger');
    metrics.connections.inc({ transport });
    connection.transport = transport;
  }

  /** One function for all connections, so that an idle connection holds no closure of its own. */
  readonly #onLeft = (peer: Peer): void => {
    const connection = peer as AdmissibleSocket;
    const { metrics, depart, clock, log, tokens } = this.#options;
    const { id, viewer, transport, arrival, openedAt } = connection;
    const { code, reason } = connection.closedWith;
    metrics.connections.dec({ transport });
    metrics.closes.inc({ code: String(code) });
    if (code === CLOSE_CODES.TRY_AGAIN_LATER && reason === TOO_SLOW) metrics.slowReaders.inc({ transport });
    if (arrival) tokens.forgetTokens(arrival);
    connection.arrival = null;
    const line = { connection: id, transport, code, durationMs: Math.round(clock.elapsed() - openedAt) };
    // Connections that are not admitted are counted, and logged at `debug` only, so they cannot fill the log.
    if (!viewer) return log.debug(line, 'socket closed before it was admitted');
    log.info({ ...line, ...who(viewer) }, 'socket closed');
    depart(viewer, id);
  };

  /** Identifies a connection. A refused connection stays open until its transport has reported the refusal. */
  async admit(connection: AdmissibleSocket, credentials: Credentials): Promise<Admitted | Refused> {
    const { rateLimits, supervisor, metrics, log, depart } = this.#options;
    const { isGateway } = credentials;
    const identified = await this.#identify(connection, credentials.token);
    if ('error' in identified) return identified;
    const viewer = identified;
    try {
      if (!isGateway) rateLimits.connect(viewer);
    } catch (error) {
      metrics.turnAway('rate');
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
    const arrival = new Arrival(connection, viewer, credentials, this.#options);
    try {
      await this.#watch(connection, arrival);
      await arrival.record();
    } catch (error) {
      log.warn({ err: error, ...who(viewer) }, 'arrival not recorded');
      return tryLater();
    }
    if (!connection.isOpen) {
      depart(viewer, connection.id);
      return tryLater();
    }
    connection.bearer = arrival;
    log.info({ connection: connection.id, type: credentials.connectionType, ...who(viewer) }, 'socket admitted');
    const present = (): Viewer => arrival.viewer;
    return {
      viewer,
      meter: isGateway
        ? rateLimits.ofGateway(present)
        : rateLimits.ofConnection(present, () => connection.close(CLOSE_CODES.TOO_MANY, 'Rate limit exceeded')),
    };
  }

  /** Keeps a gateway's connection without room until it has the error; false: there is no room for that either. */
  keepTurnedAway(connection: AdmissibleSocket): boolean {
    return this.#options.supervisor.keepTurnedAway(connection);
  }

  /** The connection has proven to be a gateway's, which carries many users. */
  vouch(connection: AdmissibleSocket): void {
    this.#options.supervisor.vouch(connection);
  }

  /** Closes a connection when its token is revoked. */
  async #watch(connection: AdmissibleSocket, arrival: Arrival): Promise<void> {
    const { tokens } = this.#options;
    await tokens.watchTokens(arrival);
    if (connection.isClosed) tokens.forgetTokens(arrival);
    else connection.arrival = arrival;
  }

  /** Null: the work took too long, or the connection has ended and its frames are released. */
  async #within<Value>(connection: AdmissibleSocket, work: Promise<Value>): Promise<Value | null> {
    const { promise, resolve } = Promise.withResolvers<null>();
    const giveUp = (): void => resolve(null);
    this.#identifying.begin(giveUp);
    const forget = connection.onEnd(giveUp);
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.#identifying.end(giveUp);
      forget();
    }
  }

  async #identify(connection: AdmissibleSocket, token: string | null): Promise<Viewer | Refused> {
    const { verifyToken } = this.#options;
    if (!token) return unauthorized('MISSING', 'A token is needed');
    const verification = await this.#within(
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
