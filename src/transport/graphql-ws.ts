/** GraphQL over WebSocket, subprotocol `graphql-transport-ws`. graphql-ws keeps the protocol. */
import type { IncomingMessage } from 'node:http';
import { type ExecutionArgs, type ExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql';
import { handleProtocols, makeServer, type OperationResult, type Server } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { IsGateway } from '../auth/gateway.ts';
import { textOfConnectionInit, tokenOfConnectionInit, tokenOfHeader } from '../auth/token-location.ts';
import type { VerifyToken } from '../auth/tokens.ts';
import type { Clock } from '../clock.ts';
import { CLOSE_CODES } from '../errors.ts';
import type { Context } from '../graphql/context.ts';
import type { FormatError } from '../graphql/errors.ts';
import type { Execution } from '../graphql/execution.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import { type DeviceId, isIdentifier, type Viewer } from '../model.ts';
import type { Metrics } from '../operations/metrics.ts';
import { Connection } from './connection.ts';
import type { Supervisor } from './supervisor.ts';
import type { SocketEndpoint } from './upgrade.ts';

export interface GraphqlWsOptions {
  readonly schema: GraphQLSchema;
  readonly execution: Execution;
  readonly formatError: FormatError;
  readonly createContext: (viewer: Viewer, isTrustedGateway: boolean) => Context;
  readonly verifyToken: VerifyToken;
  readonly isGateway: IsGateway;
  readonly arrive: (viewer: Viewer, connection: Connection, deviceId: DeviceId) => Promise<void>;
  readonly depart: (viewer: Viewer, connection: Connection) => void;
  readonly supervisor: Supervisor;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxQueuedBytes: number;
}

/** What belongs to one socket of this protocol. */
interface Extra {
  readonly connection: Connection;
  readonly request: IncomingMessage;
  isGateway: boolean;
  /** Ends the step of the frame being handled: the next may follow. */
  settle: () => void;
}

type WsServer = Server<Extra>;

/** Frames before the acknowledgement: a token and little else. */
const INIT_BYTES = 16 * 1024;
const AUTHENTICATION_MS = 5_000;

export function createGraphqlWs(options: GraphqlWsOptions): SocketEndpoint {
  const server = makeProtocol(options);
  return {
    path: '/graphql',
    handleProtocols,
    accept: (socket, request) => accept(server, options, socket, request),
  };
}

function accept(server: WsServer, options: GraphqlWsOptions, socket: WebSocket, request: IncomingMessage): void {
  const { clock, log, maxQueuedBytes, metrics, supervisor } = options;
  const connection = new Connection(socket, clock, log, { maxQueuedBytes });
  const extra: Extra = { connection, request, isGateway: false, settle: () => undefined };
  supervisor.add(connection);
  metrics.connections.inc({ transport: 'graphql_ws' });
  const closed = server.opened(
    {
      protocol: socket.protocol,
      send: (text) => connection.send(text),
      close: (code, reason) => connection.close(code ?? CLOSE_CODES.BAD_REQUEST, reason ?? ''),
      onMessage: (handle) => connection.onFrame((text) => handleFrame(extra, text, handle, options)),
    },
    extra,
  );
  connection.onClose((code, reason) => {
    metrics.connections.dec({ transport: 'graphql_ws' });
    metrics.closes.inc({ code: String(code) });
    closed(code, reason).catch((error: unknown) => log.error({ err: error }, 'closing failed'));
    if (connection.viewer) options.depart(connection.viewer, connection);
  });
}

/** Resolves when the frame is handled, or when the subscription it opens is accepted. */
async function handleFrame(
  extra: Extra,
  text: string,
  handle: (text: string) => Promise<void>,
  { log }: GraphqlWsOptions,
): Promise<void> {
  const { connection } = extra;
  if (!connection.viewer && Buffer.byteLength(text) > INIT_BYTES) {
    return connection.close(CLOSE_CODES.TOO_BIG, 'Authenticate first');
  }
  const accepted = new Promise<void>((resolve) => {
    extra.settle = () => void setImmediate(resolve);
  });
  const handled = handle(text).catch((error: unknown) => {
    // The library throws for what a client may not send.
    log.debug({ err: error, connection: connection.id }, 'frame refused');
    connection.close(CLOSE_CODES.BAD_REQUEST, 'Invalid message received');
  });
  await Promise.race([handled, accepted]);
}

function makeProtocol(options: GraphqlWsOptions): WsServer {
  const { execution, formatError, metrics } = options;
  return makeServer<Record<string, unknown>, Extra>({
    schema: options.schema,
    connectionInitWaitTimeout: TIMES.connectionInitMs,
    onConnect: (ctx) => authenticate(ctx.connectionParams, ctx.extra, options),
    onSubscribe: ({ extra, subscriptions }, id, payload) => {
      if (id.length > LIMITS.idCharacters) {
        return [new GraphQLError('The id is too long.', { extensions: { code: 'BAD_USER_INPUT' } })];
      }
      if (Object.keys(subscriptions).length > LIMITS.subscriptionsPerSocket) {
        const message = `A socket carries at most ${LIMITS.subscriptionsPerSocket} subscriptions.`;
        return [new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })];
      }
      const { viewer } = extra.connection;
      if (!viewer) return [new GraphQLError('Not authenticated.', { extensions: { code: 'UNAUTHENTICATED' } })];
      const args = execution.prepare(payload, options.createContext(viewer, extra.isGateway));
      return 'document' in args ? Object.assign(args, { connection: extra.connection }) : args;
    },
    execute: async (args) => (await execution.execute(args as ExecutionArgs)) as Awaited<OperationResult>,
    subscribe: (args) => subscribe(args as ExecutionArgs & { readonly connection: Connection }, options),
    onOperation({ extra }) {
      extra.settle();
    },
    onNext: (_ctx, _id, _payload, _args, given) => {
      const result = given as ExecutionResult;
      const event = execution.eventOf(result);
      if (event) {
        metrics.deliveries.inc({ transport: 'graphql_ws' });
        const sentAt = (event as { timestamp?: unknown }).timestamp;
        if (typeof sentAt === 'number') {
          metrics.deliveryLatency.observe(Math.max(options.clock.now() - sentAt, 0) / 1_000);
        }
      }
      if (!result.errors) return undefined;
      return { ...result, errors: result.errors.map(formatError) };
    },
    onError: (_ctx, _id, _payload, errors) => errors.map(formatError),
  });
}

/** Opens a subscription; a reader too slow for it is closed, and resumes by position. */
async function subscribe(
  args: ExecutionArgs & { readonly connection: Connection },
  { execution, metrics }: GraphqlWsOptions,
): Promise<Awaited<OperationResult>> {
  const transport = 'graphql_ws';
  const result = await execution.subscribe(args, (error) => {
    metrics.subscriptions.dec({ transport });
    if (error?.isSlowReader) args.connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Too slow');
  });
  if (Symbol.asyncIterator in result) metrics.subscriptions.inc({ transport });
  return result as Awaited<OperationResult>;
}

/** Answers the acknowledgement's payload, or closes the socket with the contract's code. */
async function authenticate(
  params: Readonly<Record<string, unknown>> | undefined,
  extra: Extra,
  options: GraphqlWsOptions,
): Promise<boolean | Record<string, unknown>> {
  const { connection, request } = extra;
  const refuse = (code: number, reason: string): false => {
    connection.close(code, reason);
    return false;
  };
  const token = tokenOfConnectionInit(params) ?? tokenOfHeader(request.headers.authorization);
  if (!token) return refuse(CLOSE_CODES.UNAUTHORIZED, 'A token is needed');
  const verification = await within(options.clock, options.verifyToken(token));
  if (!verification) return refuse(CLOSE_CODES.TIMEOUT, 'Authentication took too long');
  if (verification.outcome === 'expired') return refuse(CLOSE_CODES.TOKEN_EXPIRED, 'Token expired');
  if (verification.outcome !== 'valid') return refuse(CLOSE_CODES.UNAUTHORIZED, 'The token is not valid');
  const { viewer } = verification;
  const deviceId = textOfConnectionInit(params, 'deviceId') ?? viewer.sessionId ?? connection.id;
  if (!isIdentifier(deviceId)) return refuse(CLOSE_CODES.BAD_REQUEST, 'deviceId is not an id');
  const secret =
    textOfConnectionInit(params, 'Router-Authorization', 'router-authorization') ??
    request.headers['router-authorization'];
  extra.isGateway = options.isGateway(typeof secret === 'string' ? secret : null);
  try {
    await options.arrive(viewer, connection, deviceId as DeviceId);
  } catch (error) {
    options.log.warn({ err: error }, 'arrival not recorded');
    return refuse(CLOSE_CODES.TRY_AGAIN_LATER, 'Try again later');
  }
  if (!connection.isOpen) {
    options.depart(viewer, connection);
    return false;
  }
  connection.viewer = viewer;
  return { connectionId: connection.id };
}

async function within<Value>(clock: Clock, work: Promise<Value>): Promise<Value | null> {
  let cancel = (): void => undefined;
  const deadline = new Promise<null>((resolve) => {
    cancel = clock.after(AUTHENTICATION_MS, () => resolve(null));
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    cancel();
  }
}
