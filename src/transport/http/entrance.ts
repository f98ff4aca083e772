/**
 * A port that listens before the service is ready: an engine may be unavailable for long.
 *
 * Until it is opened it is alive and not ready, and says so in the terms that probes,
 * clients and balancers know.
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
import { TIMES } from '../../limits.ts';
import { refuse } from './refusal.ts';
import { endUnreadable } from './unreadable-requests.ts';

export interface EntranceOptions {
  /** Null: served without TLS. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly keepAliveMs: number;
  /** Which upgrades to another protocol are accepted. */
  readonly isUpgrade: (request: IncomingMessage) => boolean;
}

export interface Entrance {
  readonly server: Server;
  /** Resolves to the port. */
  listen(host: string, port: number): Promise<number>;
  /** From now on requests go to `handle`, and sockets to the listener of `upgrade`. */
  open(handle: RequestListener): void;
  /** Accepts no more connections, and waits for the open ones. */
  close(): Promise<void>;
  /** Closes the open connections at once. */
  end(): Promise<void>;
}

/** Slow senders are cut off: a header within 10 s, a request within 30 s. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 };

const STARTING = 'This node is starting: it waits for its engine.';
const RETRY_AFTER_S = Math.ceil(TIMES.startRetryMs / 1_000);

/** A path without its query and a last slash. */
const pathOf = (url = '/'): string => (url.split('?', 1)[0] ?? '').replace(/(?<=.)\/$/, '');

/** The body is not read: the connection ends after the answer. */
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

function createNodeServer({ tls, keepAliveMs, isUpgrade }: EntranceOptions, handle: RequestListener): Server {
  const settings: ServerOptions = { ...TIMEOUTS, keepAliveTimeout: keepAliveMs, shouldUpgradeCallback: isUpgrade };
  if (!tls) return createServer(settings, handle);
  const [cert, key] = [readFileSync(tls.certFile), readFileSync(tls.keyFile)];
  return createTlsServer({ ...settings, handshakeTimeout: TIMEOUTS.headersTimeout, cert, key }, handle);
}

export function createEntrance(options: EntranceOptions): Entrance {
  let handler: RequestListener = answerStarting;
  const server = createNodeServer(options, (request, response) => handler(request, response));
  server.on('upgrade', refuseStarting).on('clientError', (error, socket) => endUnreadable(error, socket as Socket));
  let closing: Promise<void> | null = null;
  function close(): Promise<void> {
    closing ??= new Promise((resolve) => {
      // A server that never listened needs no close.
      server.close(() => resolve());
      server.closeIdleConnections();
    });
    return closing;
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
    close,
    end() {
      const closed = close();
      server.closeAllConnections();
      return closed;
    },
  };
}
