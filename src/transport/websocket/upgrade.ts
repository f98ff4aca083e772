/** The entry of sockets. Path and origin are checked before the handshake is answered, capacity right after it. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { IsOriginAllowed } from '../../access/origins.ts';
import type { Clock } from '../../clock.ts';
import { CLOSE_CODES } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import { refuse } from '../http/refusal.ts';
import type { AddressOf } from '../peers/address.ts';
import { handshakes } from '../peers/arrival-turns.ts';
import type { Supervisor } from '../peers/supervisor.ts';
import type { Sockets } from './peer-socket.ts';
import { PeerSocket } from './peer-socket.ts';

export interface SocketEndpoint {
  readonly path: string;
  /** Chooses among the subprotocols the client offers; false: none. */
  handleProtocols(offered: Set<string>): string | false;
  /** Whether a client must offer one of the subprotocols. */
  readonly needsProtocol: boolean;
  /** Whether a client gets a refusal as an error on its socket, which is then opened for that. */
  isToldInWords?(request: IncomingMessage): boolean;
  accept(sockets: Sockets, request: IncomingMessage): void;
  /** Refuses a socket by an error on it. False, or undefined: only the close code can say it. */
  turnAway?(sockets: Sockets, request: IncomingMessage): boolean;
}

export interface UpgradeOptions {
  readonly maxMessageBytes: number;
  readonly isOriginAllowed: IsOriginAllowed;
  /** Refuses connections that a trusted proxy received without TLS. */
  readonly refusesClear: boolean;
  readonly addressOf: AddressOf;
  /** The connection carries no plain requests from now on. */
  readonly leavePlain: (socket: Duplex) => void;
  readonly supervisor: Supervisor;
  readonly clock: Clock;
}

/**
 * Whether a request is a handshake of RFC 6455, section 4.1.
 *
 * Any other offer to upgrade may be ignored (RFC 9110, section 7.8): Java's HttpClient offers h2c with every request,
 * and proxies forward offers made to them.
 */
export function isHandshake({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-key'] !== undefined
  );
}

/** Whether a request is a handshake whose `Upgrade` and `Connection` headers a proxy removed. */
export function isStrippedHandshake(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers['sec-websocket-key'] !== undefined;
}

const NO_HANDSHAKE = 'This is not a WebSocket handshake.';
/** Refuses the handshake, since clients show that, and do not show the protocol's close code 4406. */
const OTHER_PROTOCOL = 'This path supports the subprotocol graphql-transport-ws, and not the older graphql-ws.';

/** Whether a client offers subprotocols, and none that this path supports. */
function offersOthersOnly({ headers }: IncomingMessage, endpoint: SocketEndpoint): boolean {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const named = new Set(offered.filter(Boolean));
  return endpoint.needsProtocol && named.size > 0 && endpoint.handleProtocols(named) === false;
}

/**
 * Judged by the first proxy's header. Without the header, a connection from outside bypassed the proxy and has no TLS;
 * from inside, gateways connect directly.
 */
export function cameInTheClear(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  addressOf: AddressOf,
): boolean {
  const forwarded = [headers['x-forwarded-proto']].flat()[0]?.split(',')[0]?.trim();
  if (forwarded !== undefined) return forwarded !== 'https' && forwarded !== 'wss';
  return addressOf({ headers: {}, socket }) !== null;
}

const ignore = (): void => undefined;

/**
 * Over capacity. The socket is opened to be closed, since a browser sees a close code but not the status of a refused
 * upgrade.
 */
function turnAway(webSocket: WebSocket, clock: Clock): void {
  webSocket.on('error', ignore);
  webSocket.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Over capacity');
  webSocket.once(
    'close',
    clock.after(TIMES.terminateMs, () => webSocket.terminate()),
  );
}

/** Takes over the upgrades of an HTTP server. */
export function handleUpgrades(server: Server, endpoints: readonly SocketEndpoint[], options: UpgradeOptions): void {
  const doors = new Map(
    endpoints.map((endpoint) => {
      const webSockets = new WebSocketServer({
        noServer: true,
        clientTracking: false,
        // Compression costs 250 KB per socket and reveals lengths of secrets.
        perMessageDeflate: false,
        WebSocket: PeerSocket,
        maxPayload: options.maxMessageBytes,
        // Many small fragments pin memory (CVE-2026-62389).
        maxFragments: Math.ceil(options.maxMessageBytes / LIMITS.fragmentBytes),
        maxBufferedChunks: 1_024,
        handleProtocols: (offered) => endpoint.handleProtocols(offered),
      });
      // Faults of a handshake that ws finds, such as an unsupported version (RFC 6455, section 4.4).
      webSockets.on('wsClientError', ({ message }: Error, socket: Duplex) =>
        refuse(socket, { status: 400, message: `${message}.`, headers: { 'Sec-WebSocket-Version': '13' } }),
      );
      return [endpoint.path, { endpoint, webSockets }] as const;
    }),
  );
  const open = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Node before 22.21 and 24.9 emits every upgrade here.
    if (!isHandshake(request)) return refuse(socket, { status: 400, message: NO_HANDSHAKE });
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const door = doors.get(path.replace(/(?<=.)\/$/, ''));
    const retryAfterS = options.supervisor.drainingS;
    if (retryAfterS !== null && !door?.endpoint.isToldInWords?.(request)) {
      options.supervisor.admits(null);
      return refuse(socket, { status: 503, message: 'This node is shutting down.', retryAfterS });
    }
    if (!door)
      return refuse(socket, { status: 404, message: `WebSockets are served at ${[...doors.keys()].join(' and ')}.` });
    // Node checks this for plain requests only.
    if (!request.headers.host) return refuse(socket, { status: 400, message: 'The Host header is required.' });
    if (options.refusesClear && cameInTheClear(request, options.addressOf))
      return refuse(socket, { status: 403, message: 'WebSockets need TLS here.' });
    if (!options.isOriginAllowed(request.headers.origin, request.headers.host))
      return refuse(socket, { status: 403, message: 'ALLOWED_ORIGINS does not include the origin of this page.' });
    if (offersOthersOnly(request, door.endpoint)) return refuse(socket, { status: 400, message: OTHER_PROTOCOL });
    door.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const address = options.addressOf(request);
      const sockets: Sockets = { webSocket, raw: socket, address };
      const isAdmitted = options.supervisor.admits(address);
      if (!isAdmitted && !door.endpoint.turnAway?.(sockets, request)) return turnAway(webSocket, options.clock);
      options.leavePlain(socket);
      if (isAdmitted) door.endpoint.accept(sockets, request);
    });
  };
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // No other listener exists for its errors until the handshake begins.
    socket.on('error', ignore);
    handshakes.enter(socket, () => {
      if (socket.destroyed) return;
      open(request, socket, head);
      socket.off('error', ignore);
    });
  });
}
