/** The HTTP server: GraphQL, health, metrics, info. */
import type { RequestListener } from 'node:http';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { GraphQLError } from 'graphql';
import type { IsOriginAllowed } from '../../access/origins.ts';
import { badInput, ERROR_CODES, type ErrorCode, ServiceError } from '../../errors.ts';
import { faultOfNumbers, isJson } from '../../exact-json.ts';
import { type FormatError, toGraphQLError } from '../../graphql/errors.ts';
import { LIMITS } from '../../limits.ts';
import { leaveOutEmpty, withoutEmpty } from '../peers/left-out.ts';
import type { Unhandled } from '../peers/unhandled.ts';
import { isStrippedHandshake } from '../websocket/upgrade.ts';
import { watchBodies } from './arriving-bodies.ts';
import { protectBrowsers } from './browser.ts';
import type { Entrance } from './entrance.ts';
import { addOperations, addProbes, type OperationsOptions } from './operations-paths.ts';
import type { PlainConnections } from './plain-connections.ts';
import { endTooFarAhead } from './requests-ahead.ts';
import { retryAfterS } from './retry-after.ts';

export interface HttpOptions extends OperationsOptions {
  /** The port for requests, once `open` was called. */
  readonly entrance: Entrance;
  readonly trustProxy: boolean;
  readonly isOriginAllowed: IsOriginAllowed;
  /** Connections are then not kept alive. */
  readonly isDraining: () => boolean;
  /** Whether operators are served here, and not on a port of their own. */
  readonly hasOperations: boolean;
  readonly formatError: FormatError;
  readonly plainConnections: PlainConnections;
  readonly unhandled: Unhandled;
}

/** Refuses inexact input instead of changing it. */
function refuseInexact(json: string): ServiceError | null {
  const fault = faultOfNumbers(json);
  return fault === null ? null : badInput(fault);
}

const refusedKey = (): ServiceError =>
  badInput('The body must not have the key __proto__, or prototype in constructor.');

const STRIPPED =
  'This is the handshake of a web socket without its Upgrade and Connection headers: a proxy on the way removed them.';

const METHODS = ['GET', 'POST'] as const;

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
    logger: false,
    trustProxy: options.trustProxy,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
    rewriteUrl: ({ url = '/' }) => withoutEmpty(url),
    frameworkErrors: (error, _request, reply) => void sayError(reply, error),
    serverFactory(handler) {
      handle = endTooFarAhead(handler as Parameters<typeof endTooFarAhead>[0]);
      return entrance.server;
    },
  });
  watchBodies(app, options.unhandled);
  app.addHook('preClose', async () => options.plainConnections.closeUnused());

  protectBrowsers(app, options.isOriginAllowed);
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    const refusal = refuseInexact(text);
    if (refusal) return done(refusal);
    parseJson(request, text, (error, value) => done(error && isJson(text) ? refusedKey() : error, value));
  });
  app.addHook('preValidation', async ({ query, body }) => {
    leaveOutEmpty(body);
    const { variables } = query as { readonly variables?: unknown };
    const refusal = typeof variables === 'string' ? refuseInexact(variables) : null;
    if (refusal) throw refusal;
  });
  // Any other content type than JSON is read as text, so that the handler can name the right one.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    const text = body.toString();
    const refusal = refuseInexact(text);
    if (refusal) return done(refusal);
    try {
      done(null, JSON.parse(text));
    } catch {
      done(null, null);
    }
  });

  app.addHook('onRequest', async ({ raw }) => {
    if (isStrippedHandshake(raw)) throw badInput(STRIPPED);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (options.isDraining()) reply.header('connection', 'close');
  });
  // RFC 6750, section 3.
  app.addHook('onSend', async ({ headers }, reply) => {
    if (reply.statusCode !== 401) return;
    reply.header('www-authenticate', headers.authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
  });

  function sayError(reply: FastifyReply, error: unknown): FastifyReply {
    const known = asServiceError(error);
    const formatted = options.formatError(known ?? error);
    const { code, retryAfterMs } = (formatted.extensions ?? {}) as { code: ErrorCode; retryAfterMs?: number };
    if (retryAfterMs !== undefined) reply.header('retry-after', retryAfterS(retryAfterMs));
    const status = known?.code === 'BAD_USER_INPUT' ? 400 : ERROR_CODES[code]?.status;
    return reply.code(statusOf(error) ?? status ?? 400).send({ errors: [formatted] });
  }
  app.setErrorHandler((error, _request, reply) => sayError(reply, error));
  app.setNotFoundHandler(({ url: target }, reply) => {
    const [url = ''] = target.split('?');
    const allowed = METHODS.filter((method) => app.hasRoute({ method, url }));
    if (allowed.length === 0)
      throw toGraphQLError(new ServiceError('NOT_FOUND', 'There is nothing at this path.'), 404);
    const methods = allowed.join(', ');
    reply.header('allow', methods);
    throw toGraphQLError(badInput(`The method of a request to this path must be one of ${methods}.`), 405);
  });

  addProbes(app, options);
  if (options.hasOperations) addOperations(app, options);
  // Not a handshake: a browser that opened the address, or a proxy that removed the handshake's headers.
  app.get('/ws', (_request, reply) => {
    reply.header('upgrade', 'websocket').header('connection', 'upgrade');
    throw toGraphQLError(badInput('This path only accepts WebSocket connections.'), 426);
  });
  return {
    app,
    async open() {
      await app.ready();
      if (handle) entrance.open(handle);
    },
  };
}

/** The status that came with a thrown GraphQL error. */
function statusOf(error: unknown): number | null {
  const http =
    error instanceof GraphQLError ? (error.extensions['http'] as { status?: number } | undefined) : undefined;
  return http?.status ?? null;
}

/** The faults of a body, by Fastify's code; else the request is unreadable. */
const UNREADABLE: Readonly<Record<string, string>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty.',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON.',
  FST_ERR_BAD_URL: 'The URL cannot be read.',
};

/** Fastify's errors about an unreadable request, in our codes. */
function asServiceError(error: unknown): ServiceError | null {
  if (error instanceof ServiceError) return error;
  const { statusCode, code = '' } = error as { statusCode?: unknown; code?: string };
  if (statusCode === 413)
    return new ServiceError(
      'PAYLOAD_TOO_LARGE',
      'The request body is too large; MAX_BODY_BYTES is the limit at /graphql.',
    );
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return badInput(UNREADABLE[code] ?? 'The request cannot be read.');
  }
  return null;
}
