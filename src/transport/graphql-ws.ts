/** GraphQL over WebSocket, subprotocol `graphql-transport-ws`. graphql-ws keeps the protocol. */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type ExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql';
import { handleProtocols, makeServer, type OperationResult, type Server } from 'graphql-ws';
import type { IsGateway } from '../auth/gateway.ts';
import { textOfConnectionInit, tokenOfConnectionInit } from '../auth/token-location.ts';
import type { Clock } from '../clock.ts';
import type { Outlet, Payload } from '../delivery/rendered-stream.ts';
import { badInput, CLOSE_CODES, type ServiceError, unauthenticated } from '../errors.ts';
import { faultOfNumbers } from '../exact-json.ts';
import type { Caller, Context } from '../graphql/context.ts';
import { type FormatError, toGraphQLError } from '../graphql/errors.ts';
import { type Execution, isSubscription } from '../graphql/execution.ts';
import type { PreparedArgs } from '../graphql/operations.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Meter } from '../model.ts';
import type { Metrics } from '../operations/metrics.ts';
import { UNMETERED } from '../rates/meters.ts';
import type { Admission } from './admission.ts';
import { Connection, type ConnectionOptions, type Sockets } from './connection.ts';
import { Ending } from './ending.ts';
import { type Envelope, TextFrame } from './envelope.ts';
import { OpenDocuments } from './open-documents.ts';
import type { Outbox } from './outbox.ts';
import type { SocketEndpoint } from './upgrade.ts';

export interface GraphqlWsOptions {
  readonly schema: GraphQLSchema;
  readonly execution: Execution;
  readonly formatError: FormatError;
  readonly createContext: (caller: Caller) => Context;
  readonly isGateway: IsGateway;
  /** False for everyone while no secret is set. */
  readonly provesGateway: IsGateway;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly connections: ConnectionOptions;
}

/** What belongs to one socket of this protocol. */
interface Extra {
  readonly connection: Connection;
  /** Headers of the upgrade that a gateway may prove itself with; dropped with the token once it is known who calls. */
  headers: Partial<Pick<IncomingHttpHeaders, 'authorization' | 'router-authorization'>>;
  readonly userAgent: string | null;
  readonly documents: OpenDocuments;
  /** Called when `connection_init` has come. */
  readonly stopWaiting: () => void;
  isGateway: boolean;
  /** Of the viewer; nobody is counted before they are known. */
  meter: Meter;
  /** Ends the step of the frame being handled: the next may follow. */
  settle: () => void;
}

type WsServer = Server<Extra>;

/** Frames before the acknowledgement: a token and little else. */
const INIT_BYTES = 16 * 1024;

export function createGraphqlWs(options: GraphqlWsOptions): SocketEndpoint {
  const server = makeProtocol(options);
  return {
    path: '/graphql',
    handleProtocols,
    accept: (sockets, request) => accept(server, options, sockets, request),
  };
}

function accept(server: WsServer, options: GraphqlWsOptions, sockets: Sockets, request: IncomingMessage): void {
  const { admission, clock, log } = options;
  const connection = new Connection(sockets, clock, log, options.connections);
  const {
    authorization,
    'router-authorization': routerAuthorization,
    'user-agent': userAgent = null,
  } = request.headers;
  const headers: Extra['headers'] = { authorization, 'router-authorization': routerAuthorization };
  const stopWaiting = clock.after(TIMES.connectionInitMs, () =>
    connection.close(CLOSE_CODES.TIMEOUT, 'Connection initialisation timeout'),
  );
  const extra: Extra = {
    connection,
    headers,
    userAgent,
    documents: new OpenDocuments(),
    stopWaiting,
    isGateway: false,
    meter: UNMETERED,
    settle: () => undefined,
  };
  admission.open(connection, 'graphql_ws', sockets.address);
  const closed = server.opened(
    {
      protocol: sockets.webSocket.protocol,
      send: (text) => connection.send(text),
      close: (code, reason) => connection.close(code ?? CLOSE_CODES.BAD_REQUEST, reason ?? ''),
      onMessage: (handle) => connection.onFrame((text) => handleFrame(extra, text, handle, options)),
    },
    extra,
  );
  connection.onClose((code, reason) => {
    stopWaiting();
    closed(code, reason).catch((error: unknown) => log.error({ err: error }, 'closing failed'));
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
  const { viewer } = connection;
  const fault = viewer ? faultOfNumbers(text) : null;
  if (fault !== null) return refuseInexact(connection, text, fault);
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

/** Input is refused rather than changed: the operation is over before it began. */
async function refuseInexact(connection: Connection, text: string, message: string): Promise<void> {
  const { id, type } = JSON.parse(text) as { readonly id?: unknown; readonly type?: unknown };
  if (type !== 'subscribe' || typeof id !== 'string') {
    return connection.close(CLOSE_CODES.BAD_REQUEST, 'A number is more than a double can hold');
  }
  const error = { message, extensions: { code: 'BAD_USER_INPUT' } };
  await connection.send(JSON.stringify({ id, type: 'error', payload: [error] }));
}

function makeProtocol(options: GraphqlWsOptions): WsServer {
  const { execution, formatError } = options;
  return makeServer<Record<string, unknown>, Extra>({
    schema: options.schema,
    // Its own timer would be none of the clock's.
    connectionInitWaitTimeout: 0,
    onConnect: (ctx) => {
      ctx.extra.stopWaiting();
      const params = ctx.connectionParams;
      Object.assign(ctx, { connectionParams: undefined });
      return authenticate(params, ctx.extra, options);
    },
    onSubscribe: ({ extra, subscriptions }, id, payload) => {
      if (id.length > LIMITS.idCharacters) {
        return [new GraphQLError('The id is too long.', { extensions: { code: 'BAD_USER_INPUT' } })];
      }
      if (Object.keys(subscriptions).length > LIMITS.subscriptionsPerSocket) {
        const message = `A socket carries at most ${LIMITS.subscriptionsPerSocket} subscriptions.`;
        return [new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })];
      }
      const { bearer } = extra.connection;
      if (!bearer) return [toGraphQLError(unauthenticated('MISSING'))];
      const { meter, isGateway: isTrustedGateway } = extra;
      try {
        if (execution.kindOf(payload, meter) === 'subscription') meter.subscribe();
      } catch (error) {
        return [toGraphQLError(error as ServiceError)];
      }
      const args = execution.prepare(
        payload,
        options.createContext({
          bearer,
          refusal: null,
          isTrustedGateway,
          meter,
          userAgent: extra.userAgent,
          renew: (next) => bearer.renew(next),
        }),
      );
      const { connection, documents } = extra;
      return 'document' in args ? Object.assign(args, { target: { connection, documents, id } }) : args;
    },
    execute: async (args) => (await execution.execute(args as PreparedArgs)) as Awaited<OperationResult>,
    subscribe: (args) => subscribe(args as TargetedArgs, options),
    onOperation({ extra }) {
      extra.settle();
    },
    onNext: (_ctx, _id, _payload, _args, given) => {
      const result = given as ExecutionResult;
      if (!result.errors) return undefined;
      return { ...result, errors: result.errors.map(formatError) };
    },
    onError: (_ctx, _id, _payload, errors) => errors.map(formatError),
  });
}

/** An operation, and where on this node its responses go. */
type TargetedArgs = PreparedArgs & {
  readonly target: Pick<Extra, 'connection' | 'documents'> & { readonly id: string };
};

/**
 * Opens a subscription. Its responses go from the shared rendering straight into
 * the socket's outbox; the library is given an iterator that only ends, and
 * keeps the protocol.
 */
async function subscribe(args: TargetedArgs, options: GraphqlWsOptions): Promise<Awaited<OperationResult>> {
  const { execution, metrics } = options;
  const { connection, documents, id } = args.target;
  const { document } = args;
  if (!documents.open(document)) return { errors: [toGraphQLError(tooManyDocuments())] };
  const result = await execution.subscribe(args);
  if (!isSubscription(result)) {
    documents.close(document);
    return result as Awaited<OperationResult>;
  }
  const ending = new Ending(result);
  metrics.subscriptions.inc({ transport: 'graphql_ws' });
  const forget = connection.onEnd(() => void ending.return());
  ending.onEnd(() => {
    forget();
    documents.close(document);
    metrics.subscriptions.dec({ transport: 'graphql_ws' });
  });
  result.pipe(new SocketOutlet(connection, id, ending, metrics));
  return ending as unknown as Awaited<OperationResult>;
}

function tooManyDocuments(): ServiceError {
  const most = LIMITS.subscribedCharactersPerSocket;
  return badInput(`The subscriptions of a socket are of at most ${most} characters of different documents.`);
}

/** Where the responses of one subscription go: `next` messages in the socket's outbox. */
class SocketOutlet implements Outlet {
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #envelope: Envelope;
  readonly #ending: Ending;
  readonly #metrics: Metrics;

  constructor(connection: Connection, id: string, ending: Ending, metrics: Metrics) {
    this.#connection = connection;
    this.#outbox = connection.outbox;
    this.#envelope = new TextFrame(`{"id":${JSON.stringify(id)},"type":"next","payload":`, '}');
    this.#ending = ending;
    this.#metrics = metrics;
  }

  deliver(payload: Payload, event: object): void {
    this.#outbox.write(this.#envelope, payload);
    this.#metrics.delivered(event, 'graphql_ws');
  }

  end(error: ServiceError | null): void {
    if (error?.isSlowReader) this.#connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Too slow');
    this.#ending.end(error);
  }

  isCongested(): boolean {
    return this.#outbox.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#outbox.onRoom(resume);
  }
}

/** Answers the acknowledgement's payload, or closes the socket with the contract's code. */
async function authenticate(
  params: Readonly<Record<string, unknown>> | undefined,
  extra: Extra,
  options: GraphqlWsOptions,
): Promise<boolean | Record<string, unknown>> {
  const { connection, headers } = extra;
  extra.headers = {};
  const token = tokenOfConnectionInit(params, headers.authorization);
  const deviceId = textOfConnectionInit(params, 'deviceId');
  const admitted = await options.admission.admit(connection, { token, deviceId, connectionType: 'GRAPHQL_WS' });
  if (!admitted) return false;
  extra.meter = admitted.meter;
  const secret =
    textOfConnectionInit(params, 'Router-Authorization', 'router-authorization') ?? headers['router-authorization'];
  extra.isGateway = options.isGateway(typeof secret === 'string' ? secret : null);
  if (typeof secret === 'string' && options.provesGateway(secret)) options.admission.vouch(connection);
  return { connectionId: connection.id };
}
