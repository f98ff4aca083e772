/** The HTTP server: GraphQL, health, metrics, info. */
import type { RequestListener } from 'node:http';
import { type FastifyInstance, fastify } from 'fastify';
import type { IsOriginAllowed } from '../../access/origins.ts';
import { badInput, ServiceError } from '../../errors.ts';
import { type FormatError, toGraphQLError } from '../../graphql/errors.ts';
import { LIMITS } from '../../limits.ts';
import { withoutEmpty } from '../peers/left-out.ts';
import type { UnhandledBytes } from '../peers/unhandled-bytes.ts';
import { isStrippedHandshake } from '../websocket/upgrade.ts';
import { watchBodies } from './arriving-bodies.ts';
import { protectBrowsers } from './browser.ts';
import type { Entrance } from './entrance.ts';
import { sayError } from './http-errors.ts';
import { addObservability, addProbes, type ObservabilityOptions } from './observability-paths.ts';
import type { PlainConnections } from './plain-connections.ts';
import { readBodies } from './request-bodies.ts';
import { inTurns } from './request-turns.ts';
import { endTooFarAhead } from './requests-ahead.ts';
import type { RequestTimes } from './timing.ts';

export interface HttpOptions extends ObservabilityOptions {
  /** The port for requests, once `open` was called. */
  readonly entrance: Entrance;
  readonly trustProxy: boolean;
  readonly isOriginAllowed: IsOriginAllowed;
  /** While draining, connections are not kept alive. */
  readonly isDraining: () => boolean;
  /** Whether the paths for operators are on this port, and not on a separate one. */
  readonly hasOperations: boolean;
  readonly formatError: FormatError;
  readonly plainConnections: PlainConnections;
  readonly unhandled: UnhandledBytes;
  readonly times: RequestTimes;
}

const STRIPPED = 'This WebSocket handshake lacks its Upgrade and Connection headers: a proxy on the way removed them.';

const METHODS = ['GET', 'POST'] as const;

function addHeaders(app: FastifyInstance, { isDraining }: Pick<HttpOptions, 'isDraining'>): void {
  app.addHook('onRequest', async ({ raw }) => {
    if (isStrippedHandshake(raw)) throw badInput(STRIPPED);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isDraining()) reply.header('connection', 'close');
  });
  // RFC 6750, section 3.
  app.addHook('onSend', async ({ headers }, reply) => {
    if (reply.statusCode !== 401) return;
    reply.header('www-authenticate', headers.authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
  });
}

/** Answers requests to unknown paths, and with methods that a path does not take. */
function refuseOtherPaths(app: FastifyInstance): void {
  app.setNotFoundHandler(({ url: target }, reply) => {
    const [url = ''] = target.split('?');
    const allowed = METHODS.filter((method) => app.hasRoute({ method, url }));
    if (allowed.length === 0)
      throw toGraphQLError(new ServiceError('NOT_FOUND', 'There is nothing at this path.'), 404);
    const methods = allowed.join(', ');
    reply.header('allow', methods);
    throw toGraphQLError(badInput(`The method of a request to this path must be one of ${methods}.`), 405);
  });
  // Not a handshake: a person opened the address, or a proxy removed the headers of the handshake.
  app.get('/ws', (_request, reply) => {
    reply.header('upgrade', 'websocket').header('connection', 'upgrade');
    throw toGraphQLError(badInput('This path only accepts WebSocket connections.'), 426);
  });
}

export interface Http {
  readonly app: FastifyInstance;
  /** Begins to serve, once every route is registered. */
  open(): Promise<void>;
}

export function createHttp(options: HttpOptions): Http {
  const { entrance } = options;
  let handle: RequestListener | undefined;
  const app = fastify({
    // Other requests than GraphQL have no body worth reading.
    bodyLimit: LIMITS.strangerBodyBytes,
    trustProxy: options.trustProxy,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
    rewriteUrl: ({ url = '/' }) => withoutEmpty(url),
    frameworkErrors: (error, _request, reply) => void sayError(reply, error, options.formatError),
    serverFactory(handler) {
      handle = options.times.begin(
        endTooFarAhead(inTurns(handler as Parameters<typeof inTurns>[0], options.unhandled)),
      );
      return entrance.server;
    },
  });
  watchBodies(app, options.unhandled);
  app.addHook('preClose', async () => options.plainConnections.closeUnused());

  protectBrowsers(app, options.isOriginAllowed);
  readBodies(app);
  addHeaders(app, options);
  app.setErrorHandler((error, _request, reply) => sayError(reply, error, options.formatError));
  refuseOtherPaths(app);
  options.times.end(app);
  addProbes(app, options);
  if (options.hasOperations) addObservability(app, options);
  return {
    app,
    async open() {
      await app.ready();
      if (handle) entrance.open(handle);
    },
  };
}
