/**
 * A port that listens before the service is ready: an engine may be unavailable for long.
 *
 * Until it is opened it is live and not ready, and answers probes, clients and load balancers accordingly.
 */
import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import { ALPN_PROTOCOLS, Http2Sessions } from './http2-sessions.ts';
import { refuse } from './refusal.ts';
import { endUnreadable } from './unreadable-requests.ts';

export interface EntranceOptions {
  /** Null: served without TLS. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly keepAliveMs: number;
  readonly clock: Clock;
  /** Which upgrades to another protocol are accepted. */
  readonly isUpgrade: (request: IncomingMessage) => boolean;
}

export interface Entrance {
  readonly server: Server;
  /** Resolves to the port. */
  listen(host: string, port: number): Promise<number>;
  /** From now on requests go to `handle`, and sockets to the listener of `upgrade`. */
  open(handle: RequestListener): void;
  /**
   * Sends HTTP/2 clients a GOAWAY, so that their next request goes elsewhere. HTTP/1.1 clients see it in their
   * responses.
   */
  leave(): void;
  /** Accepts no more connections, and waits for the open ones. */
  close(): Promise<void>;
  /** Closes the open connections at once. */
  cut(): void;
  /** Closes the port and the open connections at once. */
  end(): Promise<void>;
}

/** Slow senders are cut off: a header within 10 s, a request within 30 s. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 };

const STARTING = 'This node is starting: it waits for its engine.';
const RETRY_AFTER_S = Math.ceil(TIMES.startRetryMs / 1_000);

/** A path without its query and a last slash. */
const pathOf = (url = '/'): string => (url.split('?', 1)[0] ?? '').replace(/(?<=.)\/$/, '');

/** The body is not read, so the connection ends after the answer. */
function answerStarting({ url, method }: IncomingMessage, response: ServerResponse): void {
  const isAlive = pathOf(url) === '/health' && (method === 'GET' || method === 'HEAD');
  const isProbe = pathOf(url) === '/health/ready';
  const errors = [{ message: STARTING, extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: TIMES.startRetryMs } }];
  const body = JSON.stringify(isAlive ? { status: 'ok' } : isProbe ? { status: 'starting' } : { errors });
  response.statusCode = isAlive ? 200 : 503;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('connection', 'close');
  if (!isAlive) response.setHeader('retry-after', RETRY_AFTER_S);
  response.end(body);
}

function refuseStarting(_request: IncomingMessage, socket: Duplex): void {
  refuse(socket, { status: 503, message: STARTING, retryAfterS: RETRY_AFTER_S });
}

/** With TLS the server also speaks HTTP/2; each HTTP/2 stream is a request of the same server. */
function createNodeServer(
  { tls, keepAliveMs, isUpgrade, clock }: EntranceOptions,
  handle: RequestListener,
): { readonly server: Server; readonly http2: Http2Sessions | null } {
  const settings: ServerOptions = {
    ...TIMEOUTS,
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: LIMITS.headerBytes,
    shouldUpgradeCallback: isUpgrade,
  };
  if (!tls) return { server: createServer(settings, handle), http2: null };
  const [cert, key] = [readFileSync(tls.certFile), readFileSync(tls.keyFile)];
  const { headersTimeout: handshakeTimeout, requestTimeout: requestMs } = TIMEOUTS;
  const server = createTlsServer(
    { ...settings, handshakeTimeout, cert, key, ALPNProtocols: [...ALPN_PROTOCOLS] },
    handle,
  );
  const http2 = new Http2Sessions({ clock, keepAliveMs, firstRequestMs: handshakeTimeout, requestMs });
  http2.serve(server);
  return { server, http2 };
}

export function createEntrance(options: EntranceOptions): Entrance {
  let handler: RequestListener = answerStarting;
  const { server, http2 } = createNodeServer(options, (request, response) => handler(request, response));
  server.on('upgrade', refuseStarting).on('clientError', (error, socket) => endUnreadable(error, socket as Socket));
  let closing: Promise<void> | null = null;
  function close(): Promise<void> {
    closing ??= new Promise((resolve) => {
      // A server that never listened needs no close.
      server.close(() => resolve());
      server.closeIdleConnections();
      http2?.leave();
    });
    return closing;
  }
  function cut(): void {
    server.closeAllConnections();
    http2?.cut();
  }
  return {
    server,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    open(handle) {
      server.off('upgrade', refuseStarting);
      handler = handle;
    },
    leave: () => http2?.leave(),
    close,
    cut,
    end() {
      const closed = close();
      cut();
      return closed;
    },
  };
}
