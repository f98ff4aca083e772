/** GraphQL over HTTP by Apollo Server, on Fastify. */
import { type Readable, Transform } from 'node:stream';
import { ApolloServer, type ApolloServerPlugin, type BaseContext, type GraphQLRequest } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type GraphQLSchema, Kind, parse } from 'graphql';
import { secretOfHeaders } from '../../access/gateway.ts';
import { ERROR_CODES, ServiceError } from '../../errors.ts';
import { refusalOf } from '../../graphql/affordable.ts';
import type { Caller, Context } from '../../graphql/context.ts';
import { payForBody, payForComparing, payForReading } from '../../graphql/document-price.ts';
import { type FormatError, toGraphQLError } from '../../graphql/errors.ts';
import {
  coerceVariables,
  EXECUTION_OPTIONS,
  isOpenDocument,
  isTooLong,
  type OperationRules,
  requireAffordable,
  requireToken,
  takeReads,
  tooLong,
  validationOptions,
  validationRules,
} from '../../graphql/operations.ts';
import type { PersistedQueries } from '../../graphql/persisted-queries.ts';
import { LIMITS } from '../../limits.ts';
import type { Log } from '../../log.ts';
import { type AnswerByStream, bodyOf } from '../streams/graphql-stream.ts';
import { readsAnswers } from '../streams/stream-format.ts';
import { beforeBody, bytesOfBody, bytesToCome } from './arriving-bodies.ts';
import { type CallerOptions, identify } from './caller.ts';
import type { ShowPage } from './console-files.ts';
import { restoreDocument } from './hashed-request.ts';
import { createKnownDocuments } from './known-documents.ts';
import { tellWhenToRetry } from './retry-after.ts';

export interface GraphqlHttpOptions extends CallerOptions {
  readonly schema: GraphQLSchema;
  readonly rules: OperationRules;
  readonly formatError: FormatError;
  readonly createContext: (caller: Caller) => Context;
  readonly persisted: PersistedQueries;
  readonly stream: AnswerByStream;
  readonly log: Log;
  readonly maxBodyBytes: number;
  /** Null: GraphiQL is not served. */
  readonly showPage: ShowPage | null;
}

type ApolloContext = Context & BaseContext;

/** A request that Apollo Server answers: its caller and their rights. */
interface Begun {
  readonly caller: Caller;
  readonly context: ApolloContext;
}

/** Registers `/graphql`; the returned function stops Apollo Server. */
export async function addGraphqlHttp(app: FastifyInstance, options: GraphqlHttpOptions): Promise<() => Promise<void>> {
  const { isProduction } = options.rules;
  const documents = createKnownDocuments();
  const apollo = new ApolloServer<ApolloContext>({
    schema: options.schema,
    validationRules: validationRules(options.rules),
    parseOptions: { maxTokens: LIMITS.documentTokens },
    introspection: !isProduction,
    validationOptions: validationOptions(options.rules),
    executionOptions: EXECUTION_OPTIONS,
    // Apollo's own search for suggestions is quadratic in the length of the message; `formatError` decides about ours.
    hideSchemaDetailsFromClientErrors: false,
    // Browsers add nothing by themselves that another site could use: a caller is known by a header. A request without one
    // is told that a token is needed, by GET as well, rather than about a preflight.
    csrfPrevention: false,
    allowBatchedHttpRequests: false,
    // Ours also serve streams and sockets.
    persistedQueries: false,
    documentStore: documents.store,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    logger: options.log,
    formatError: (_, error) => options.formatError(error),
    plugins: [
      chargeComparing(),
      guardOperations(options.rules),
      endCostly(options.formatError),
      tellWhenToRetry(),
      answerLegacyClients(),
      ApolloServerPluginLandingPageDisabled(),
      // Its hooks run at each field. No answer is cached: see `no-store` below.
      ApolloServerPluginCacheControlDisabled(),
    ],
  });
  await apollo.start();
  /** Requests with a body of unknown length and without a valid token. */
  const strangers = new WeakSet<FastifyRequest>();
  /** Requests that Apollo Server answers. */
  const begun = new WeakMap<FastifyRequest, Begun>();
  /** Anonymous requests that had arrived in full: their caller is not identified again. */
  const identified = new WeakMap<FastifyRequest, Caller>();
  const handle = fastifyApolloHandler(apollo, {
    async context(request) {
      const { caller, context } = begun.get(request) as Begun;
      if (!caller.bearer && !isOpen(request, isProduction)) throw toGraphQLError(caller.refusal);
      return context;
    },
  });
  // Nothing of a request is read before its caller is known.
  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const caller = identified.get(request) ?? (await identify(request, options));
    payForBody(bytesOfBody(request.raw), caller.meter);
    const fault = restoreDocument(request, options.persisted, caller);
    if (await options.stream(request, reply, caller, fault)) return reply;
    if (fault) {
      reply.header('cache-control', 'private, no-cache, must-revalidate');
      throw fault;
    }
    // A request that is not GraphQL gets its error in JSON, whatever it accepts.
    if (!bodyOf(request)) request.headers.accept = 'application/json';
    // Apollo Server checks this after the operation has run, when a change would already be made.
    else if (!readsAnswers(request.headers.accept)) {
      const isHeard = caller.bearer !== null || isOpen(request, isProduction);
      throw toGraphQLError(isHeard ? notInJson() : caller.refusal, isHeard ? 406 : 401);
    }
    const { query } = givenIn(request);
    // Checked here, since Apollo Server reports an error of a plugin about an unknown operation as a server fault.
    if (typeof query === 'string' && !documents.has(query)) payForReading(query, caller.meter);
    // A trace is several times the size of its response, outside all limits: only gateways get one.
    if (!caller.isProvenGateway) delete request.headers['apollo-federation-include-trace'];
    reply.header('cache-control', 'no-store');
    begun.set(request, { caller, context: options.createContext(caller) as ApolloContext });
    return (handle as (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>)(request, reply);
  }

  // Before the body is read: bytes in another charset, or compressed, are not JSON to the parser.
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    requireReadable(request);
    requireUtf8(request);
    // Before the body is read: no body is held while the keys are loaded.
    const caller = await beforeBody(request, reply, identify(request, options));
    const { bearer, refusal } = caller;
    if (!bearer || request.raw.complete) identified.set(request, caller);
    if (bearer || bytesToCome(request.raw) <= LIMITS.strangerBodyBytes) return;
    if (request.headers['content-length'] !== undefined) throw toGraphQLError(refusal);
    strangers.add(request);
  };
  const preParsing = async (request: FastifyRequest, _reply: FastifyReply, body: Readable): Promise<Readable> =>
    strangers.has(request) ? cutBody(body) : body;
  const bodyLimit = options.maxBodyBytes;
  // Routers put a status before the errors, or in their place: a proven gateway gets the errors only.
  const onSend = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (reply.statusCode < 400 || !options.standingOf(secretOfHeaders(request.headers)).isProven) return;
    if (!String(reply.getHeader('content-type')).includes('json')) return;
    reply.code(200).removeHeader('www-authenticate');
  };
  app.post('/graphql', { bodyLimit, onRequest, preParsing, onSend }, async (request, reply) => {
    requireShort(request.body);
    if (isJson(request)) return answer(request, reply);
    // The only request that needs no content type: `curl -d '{"query": "{ _service { sdl } }"}'`.
    if (!isSdlRequest(request.body))
      throw new ServiceError('BAD_USER_INPUT', 'The content type must be application/json.');
    request.headers['content-type'] = 'application/json';
    return answer(request, reply);
  });
  // HEAD would run the operation of GET, and a subscription has no end.
  const onGet = async (request: FastifyRequest): Promise<void> => requireReadable(request);
  app.get('/graphql', { exposeHeadRoute: false, onRequest: onGet, onSend }, async (request, reply) =>
    options.showPage && isBrowser(request) ? options.showPage('graphiql', reply) : answer(request, reply),
  );
  return () => apollo.stop();
}

/** Charges the comparison of fields to its sender, also for a document that is refused. */
function chargeComparing(): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart() {
      return {
        async validationDidStart({ document, contextValue }) {
          return async () => payForComparing(document, contextValue.meter);
        },
      };
    },
  };
}

/** Applies the rights of the token. */
function guardOperations(rules: OperationRules): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart() {
      let taken = 0;
      return {
        async didResolveOperation({ request, schema, document, operation, contextValue }) {
          if (!operation) return;
          requireToken(operation, contextValue, rules.isProduction);
          const coerced = coerceVariables(schema, operation, request.variables, rules);
          if ('fault' in coerced) throw coerced.fault;
          const cost = requireAffordable({ schema, document, operation, variables: coerced.values }, rules);
          taken = takeReads(operation, cost, contextValue);
        },
        async willSendResponse({ contextValue: { budget, meter } }) {
          meter.settle(budget.taken - taken);
        },
      };
    },
  };
}

/** An operation that used up its budget has no result. */
function endCostly(formatError: FormatError): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart({ request }) {
      return {
        async willSendResponse({ response, contextValue }) {
          if (response.body.kind !== 'single') return;
          const refusal = refusalOf(response.body.singleResult, contextValue.budget);
          if (!refusal) return;
          response.body = { kind: 'single', singleResult: { errors: [formatError(refusal)] } };
          response.http.status = isLegacy(request) ? 200 : ERROR_CODES.QUERY_TOO_COSTLY.status;
        },
      };
    },
  };
}

/** Faults of the operation itself, rather than of the request that carries it. */
const OPERATION_FAULTS = new Set<unknown>([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
  'QUERY_TOO_DEEP',
  'QUERY_TOO_COSTLY',
]);

function isLegacy({ http }: GraphQLRequest): boolean {
  const accept = http?.headers.get('accept') ?? '';
  const isOld = accept.includes('application/json') && !accept.includes('application/graphql-response+json');
  return isOld && http?.method === 'POST';
}

/**
 * GraphQL over HTTP, section 6.4.1: a client that reads `application/json` cannot
 * tell our status from a proxy's, so a well-formed request is answered with 200.
 */
function answerLegacyClients(): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart({ request }) {
      return {
        async willSendResponse({ response, errors }) {
          if (!isLegacy(request) || response.http.status !== 400) return;
          const codes = errors?.map((error) => error.extensions['code']) ?? [];
          if (codes.length > 0 && codes.every((code) => OPERATION_FAULTS.has(code))) response.http.status = 200;
        },
      };
    },
  };
}

/** @throws {ServiceError} for headers from which Apollo's integration could make no URL: `Host`, or those of a proxy. */
function requireReadable({ url, protocol, hostname }: FastifyRequest): void {
  if (URL.canParse(url, `${protocol}://${hostname}/`)) return;
  throw new ServiceError('BAD_USER_INPUT', 'The Host header or an X-Forwarded header is malformed.');
}

/** A body that fails at the length that a caller without a token may send. */
function cutBody(body: Readable): Readable {
  let bytes = 0;
  const cut = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= LIMITS.strangerBodyBytes) return done(null, chunk);
      done(new ServiceError('PAYLOAD_TOO_LARGE', 'The request body is too large for a request without a valid token.'));
    },
  });
  body.once('error', (error) => cut.destroy(error));
  return body.pipe(cut);
}

/** @throws {GraphQLError} with status 415 for a body in another charset, or compressed: neither is decoded here. */
function requireUtf8({ headers }: FastifyRequest): void {
  const charset = /;\s*charset="?([^";]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (/^(utf-?8|us-ascii)$/i.test(charset) && (headers['content-encoding'] ?? 'identity') === 'identity') return;
  throw toGraphQLError(new ServiceError('BAD_USER_INPUT', 'The body must be plain UTF-8.'), 415);
}

/** @throws {GraphQLError} PAYLOAD_TOO_LARGE, with status 413. */
function requireShort(body: unknown): void {
  const query = (body as { query?: unknown } | null)?.query;
  if (typeof query === 'string' && isTooLong(query)) throw toGraphQLError(tooLong(), 413);
}

function givenIn({ method, body, query }: FastifyRequest): {
  readonly query?: unknown;
  readonly operationName?: unknown;
} {
  return (method === 'POST' ? body : query) ?? {};
}

/** Whether a request may be handled without a valid token. */
function isOpen(request: FastifyRequest, isProduction: boolean): boolean {
  const { query, operationName } = givenIn(request);
  // Anything but a GraphQL request is refused without reading further.
  if (typeof query !== 'string') return true;
  return isOpenDocument(query, typeof operationName === 'string' ? operationName : null, isProduction);
}

const notInJson = (): ServiceError =>
  new ServiceError('BAD_USER_INPUT', 'Accept: must allow application/json or application/graphql-response+json.');

/** Whether somebody typed the address, rather than a client asking for data. */
function isBrowser({ headers, query }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true && !(query as { query?: unknown }).query;
}

function isJson(request: FastifyRequest): boolean {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  return /^application\/([\w.+-]+\+)?json$/i.test(type.trim());
}

/** Whether a body asks for the SDL only. */
function isSdlRequest(body: unknown): boolean {
  const query = (body as { query?: unknown } | null)?.query;
  if (typeof query !== 'string' || query.length > LIMITS.openDocumentBytes) return false;
  try {
    return parse(query, { maxTokens: 50 }).definitions.every(
      (definition) =>
        definition.kind === Kind.OPERATION_DEFINITION &&
        definition.selectionSet.selections.every(
          (selection) => selection.kind === Kind.FIELD && selection.name.value === '_service',
        ),
    );
  } catch {
    return false;
  }
}
