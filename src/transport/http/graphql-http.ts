/** GraphQL over HTTP by Apollo Server, on Fastify. */
import type { Readable } from 'node:stream';
import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { secretOfHeaders } from '../../access/gateway.ts';
import { ServiceError } from '../../errors.ts';
import type { Caller, Context } from '../../graphql/context.ts';
import { payForBody } from '../../graphql/document-price.ts';
import { type FormatError, toGraphQLError } from '../../graphql/errors.ts';
import { EXECUTION_OPTIONS, type OperationRules, type Prepare } from '../../graphql/operations.ts';
import type { PersistedQueries } from '../../graphql/persisted-queries.ts';
import { LIMITS } from '../../limits.ts';
import type { Log } from '../../log.ts';
import { type AnswerByStream, bodyOf } from '../streams/graphql-stream.ts';
import { readsAnswers } from '../streams/stream-format.ts';
import { answerLegacyClients, endCostly, guardOperations } from './apollo-plugins.ts';
import { beforeBody, bytesOfBody, bytesToCome } from './arriving-bodies.ts';
import { type CallerOptions, identify } from './caller.ts';
import type { ShowPage } from './console-files.ts';
import {
  cutBody,
  givenIn,
  hasJsonBody,
  isBrowser,
  isOpen,
  isSdlRequest,
  notInJson,
  requireReadable,
  requireShort,
  requireUtf8,
} from './graphql-requests.ts';
import { restoreHashedRequest } from './hashed-request.ts';
import { type ApolloContext, givePreparedDocuments, withDocument } from './prepared-documents.ts';
import { retryAfterPlugin, sayWhenToRetry } from './retry-after.ts';

export interface GraphqlHttpOptions extends CallerOptions {
  readonly schema: GraphQLSchema;
  readonly rules: OperationRules;
  /** Shared by all transports, so that a document is parsed once. */
  readonly prepare: Prepare;
  readonly formatError: FormatError;
  readonly createContext: (caller: Caller) => Context;
  readonly persisted: PersistedQueries;
  readonly stream: AnswerByStream;
  readonly log: Log;
  readonly maxBodyBytes: number;
  /** Null: GraphiQL is not served. */
  readonly showPage: ShowPage | null;
}

/** A request that Apollo Server answers: its caller and their rights. */
interface Begun {
  readonly caller: Caller;
  readonly context: ApolloContext;
}

type Answer = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

function createApollo({ schema, rules, formatError, log }: GraphqlHttpOptions) {
  return new ApolloServer<ApolloContext>({
    schema,
    // Documents are parsed and validated earlier: see `prepared-documents.ts`.
    documentStore: null,
    executionOptions: EXECUTION_OPTIONS,
    // Apollo's removal of suggestions is quadratic in the length of the message; `formatError` removes them instead.
    hideSchemaDetailsFromClientErrors: false,
    // A caller is identified by a header that browsers never add by themselves, so CSRF is not possible. Without it a
    // request, also a GET, gets the error that a token is needed, and not one about a preflight.
    csrfPrevention: false,
    allowBatchedHttpRequests: false,
    // `persisted-queries.ts` serves streams and sockets, too.
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    logger: log,
    formatError: (_, error) => formatError(error),
    plugins: [
      givePreparedDocuments(formatError),
      guardOperations(rules),
      endCostly(formatError),
      retryAfterPlugin(),
      answerLegacyClients(),
      ApolloServerPluginLandingPageDisabled(),
      // The plugin's hooks run for each field, and no answer is cached: see `no-store` below.
      ApolloServerPluginCacheControlDisabled(),
    ],
  });
}

/** A request that Apollo Server cannot answer in the form that its client accepts. @throws {GraphQLError} */
function requireAnswerable(request: FastifyRequest, caller: Caller, isProduction: boolean): void {
  // A request that is not GraphQL gets its error in JSON, whatever it accepts.
  if (!bodyOf(request)) request.headers.accept = 'application/json';
  // Apollo Server checks this after the operation has run, when a change would already be made.
  else if (!readsAnswers(request.headers.accept)) {
    const isHeard = caller.bearer !== null || isOpen(request, isProduction);
    throw toGraphQLError(isHeard ? notInJson() : caller.refusal, isHeard ? 406 : 401);
  }
}

/** The context with the document of a caller who may run it, parsed and valid. @throws {GraphQLError} RATE_LIMITED. */
function withPrepared(
  request: FastifyRequest,
  context: ApolloContext,
  { bearer, meter }: Caller,
  { rules, prepare }: GraphqlHttpOptions,
): ApolloContext {
  const { query } = givenIn(request);
  if (typeof query !== 'string' || query === '') return context;
  // The refusal of a caller without a token comes before any fault of the document.
  if (!bearer && !isOpen(request, rules.isProduction)) return context;
  const document = prepare(query, meter);
  const [fault] = 'kind' in document ? [] : document;
  if (fault?.originalError instanceof ServiceError) throw fault;
  return withDocument(context, document);
}

/** Answers a request whose body was read. No document is parsed before its caller is known. */
function createAnswer(
  options: GraphqlHttpOptions,
  apollo: ApolloServer<ApolloContext>,
  identified: WeakMap<FastifyRequest, Caller>,
): Answer {
  const { isProduction } = options.rules;
  /** Requests that Apollo Server answers. */
  const begun = new WeakMap<FastifyRequest, Begun>();
  const handle = fastifyApolloHandler(apollo, {
    async context(request, reply) {
      const { caller, context } = begun.get(request) as Begun;
      if (caller.bearer || isOpen(request, isProduction)) return context;
      const refusal = toGraphQLError(caller.refusal);
      // Plugins do not see a request that has no context.
      sayWhenToRetry(reply, refusal.extensions);
      throw refusal;
    },
  }) as Answer;
  return async (request, reply) => {
    const caller = identified.get(request) ?? (await identify(request, options));
    payForBody(bytesOfBody(request.raw), caller.meter);
    const fault = restoreHashedRequest(request, options.persisted, caller);
    if (await options.stream(request, reply, caller, fault)) return reply;
    if (fault) {
      reply.header('cache-control', 'private, no-cache, must-revalidate');
      throw fault;
    }
    requireAnswerable(request, caller, isProduction);
    // Checked here, since Apollo Server reports a plugin's refusal of an unknown operation as a server fault.
    const context = withPrepared(request, options.createContext(caller) as ApolloContext, caller, options);
    // A trace is several times as large as its response, and no limit covers it, so only gateways get one.
    if (!caller.isProvenGateway) delete request.headers['apollo-federation-include-trace'];
    reply.header('cache-control', 'no-store');
    begun.set(request, { caller, context });
    return handle(request, reply);
  };
}

/** Decides before a body is read how much of it is read. */
function createArrival(options: GraphqlHttpOptions, identified: WeakMap<FastifyRequest, Caller>) {
  /** Requests with a body of unknown length and without a valid token. */
  const strangers = new WeakSet<FastifyRequest>();
  return {
    // Before the body is read: the parser takes neither another charset nor compressed bytes.
    async onRequest(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      requireReadable(request);
      requireUtf8(request);
      // Before the body is read, so that no body is held while keys are loaded.
      const caller = await beforeBody(request, reply, identify(request, options));
      const { bearer, refusal } = caller;
      if (!bearer || request.raw.complete) identified.set(request, caller);
      if (bearer || bytesToCome(request.raw) <= LIMITS.strangerBodyBytes) return;
      if (request.headers['content-length'] !== undefined) throw toGraphQLError(refusal);
      strangers.add(request);
    },

    async preParsing(request: FastifyRequest, _reply: FastifyReply, body: Readable): Promise<Readable> {
      return strangers.has(request) ? cutBody(body) : body;
    },
  };
}

/** Registers `/graphql`; the returned function stops Apollo Server. */
export async function addGraphqlHttp(app: FastifyInstance, options: GraphqlHttpOptions): Promise<() => Promise<void>> {
  const apollo = createApollo(options);
  await apollo.start();
  /** Anonymous requests that had arrived in full, so that their caller is not identified twice. */
  const identified = new WeakMap<FastifyRequest, Caller>();
  const answer = createAnswer(options, apollo, identified);
  // Routers show an HTTP status before the errors or instead of them, so a proven gateway gets the errors only.
  const onSend = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (reply.statusCode < 400 || !options.standingOf(secretOfHeaders(request.headers)).isProven) return;
    if (!String(reply.getHeader('content-type')).includes('json')) return;
    reply.code(200).removeHeader('www-authenticate');
  };
  const arrival = { bodyLimit: options.maxBodyBytes, ...createArrival(options, identified), onSend };
  app.post('/graphql', arrival, async (request, reply) => {
    requireShort(request.body);
    if (hasJsonBody(request)) return answer(request, reply);
    // The only request that needs no content type: `curl -d '{"query": "{ _service { sdl } }"}'`.
    if (!isSdlRequest(request.body))
      throw new ServiceError('BAD_USER_INPUT', 'The content type must be application/json.');
    request.headers['content-type'] = 'application/json';
    return answer(request, reply);
  });
  // HEAD is not served: it would run the operation of GET, and a subscription has no end.
  const onGet = async (request: FastifyRequest): Promise<void> => requireReadable(request);
  app.get('/graphql', { exposeHeadRoute: false, onRequest: onGet, onSend }, async (request, reply) =>
    options.showPage && isBrowser(request) ? options.showPage('graphiql', reply) : answer(request, reply),
  );
  return () => apollo.stop();
}
