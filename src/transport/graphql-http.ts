/** GraphQL over HTTP by Apollo Server, on Fastify. */
import { ApolloServer, type ApolloServerPlugin, type BaseContext } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type GraphQLSchema, Kind, parse, type ValidationRule } from 'graphql';
import type { IsGateway } from '../auth/gateway.ts';
import { tokenOfHeader } from '../auth/token-location.ts';
import type { VerifyToken } from '../auth/tokens.ts';
import { ServiceError } from '../errors.ts';
import type { Caller, Context } from '../graphql/context.ts';
import { type FormatError, toGraphQLError } from '../graphql/errors.ts';
import { requireToken } from '../graphql/operations.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';

export interface GraphqlHttpOptions {
  readonly schema: GraphQLSchema;
  readonly validationRules: readonly ValidationRule[];
  readonly formatError: FormatError;
  readonly createContext: (caller: Caller) => Context;
  readonly verifyToken: VerifyToken;
  readonly isGateway: IsGateway;
  readonly isProduction: boolean;
  readonly log: Log;
}

type ApolloContext = Context & BaseContext;

/** Registers `/graphql`; the answer stops the server behind it. */
export async function addGraphqlHttp(app: FastifyInstance, options: GraphqlHttpOptions): Promise<() => Promise<void>> {
  const apollo = new ApolloServer<ApolloContext>({
    schema: options.schema,
    validationRules: [...options.validationRules],
    parseOptions: { maxTokens: LIMITS.documentTokens },
    introspection: !options.isProduction,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    logger: options.log,
    formatError: (_, error) => options.formatError(error),
    plugins: [guardOperations(options.isProduction), ApolloServerPluginLandingPageDisabled()],
  });
  await apollo.start();
  const handle = fastifyApolloHandler(apollo, {
    context: async (request) => options.createContext(await identify(request, options)) as ApolloContext,
  });
  const answer = (request: FastifyRequest, reply: FastifyReply): Promise<unknown> =>
    (handle as (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>)(request, reply);

  app.post('/graphql', async (request, reply) => {
    if (isJson(request)) return answer(request, reply);
    // The one request that needs no content type: `curl -d '{"query": "{ _service { sdl } }"}'`.
    if (!isSdlRequest(request.body))
      throw new ServiceError('BAD_USER_INPUT', 'The content type must be application/json.');
    request.headers['content-type'] = 'application/json';
    return answer(request, reply);
  });
  app.get('/graphql', answer);
  return () => apollo.stop();
}

/** Only what a token allows, and only what HTTP carries. */
function guardOperations(isProduction: boolean): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ operation, contextValue }) {
          if (!operation) return;
          requireToken(operation, contextValue, isProduction);
          if (operation.operation === 'subscription') {
            throw toGraphQLError(new ServiceError('BAD_USER_INPUT', 'Subscriptions are carried by WS /graphql.'), 400);
          }
        },
      };
    },
  };
}

/** @throws {GraphQLError} UNAUTHENTICATED for a token that is not valid. */
async function identify(request: FastifyRequest, { verifyToken, isGateway }: GraphqlHttpOptions): Promise<Caller> {
  const secret = request.headers['router-authorization'];
  const isTrustedGateway = isGateway(typeof secret === 'string' ? secret : null);
  const { authorization } = request.headers;
  if (authorization === undefined) return { viewer: null, isTrustedGateway };
  const token = tokenOfHeader(authorization);
  const verification = token ? await verifyToken(token) : null;
  if (verification?.outcome === 'valid') return { viewer: verification.viewer, isTrustedGateway };
  const message = verification?.outcome === 'expired' ? 'The token has expired.' : 'The token is not valid.';
  throw toGraphQLError(new ServiceError('UNAUTHENTICATED', message));
}

function isJson(request: FastifyRequest): boolean {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  return /^application\/([\w.+-]+\+)?json$/i.test(type.trim());
}

/** Whether a body asks for the SDL and nothing else. */
function isSdlRequest(body: unknown): boolean {
  const query = (body as { query?: unknown } | null)?.query;
  if (typeof query !== 'string') return false;
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
