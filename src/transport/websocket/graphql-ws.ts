/** GraphQL over WebSocket, subprotocol `graphql-transport-ws`, by the library graphql-ws. */

import type { IncomingMessage } from 'node:http';
import type { ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql';
import { handleProtocols, makeServer, type OperationResult, type Server } from 'graphql-ws';
import { type Standing, type StandingOf, secretOfConnectionInit, secretOfHeaders } from '../../access/gateway.ts';
import { textOfConnectionInit, tokenOfConnectionInit } from '../../access/token-location.ts';
import type { Clock } from '../../clock.ts';
import type { Outlet, Payload } from '../../delivery/rendered-stream.ts';
import { badInput, CLOSE_CODES, type ServiceError, TOO_SLOW, unauthenticated } from '../../errors.ts';
import { faultOfNumbers } from '../../exact-json.ts';
import type { Caller, Context } from '../../graphql/context.ts';
import { type FormatError, toGraphQLError } from '../../graphql/errors.ts';
import { type Execution, isSubscription } from '../../graphql/execution.ts';
import type { PreparedArgs } from '../../graphql/operations.ts';
import type { PersistedQueries } from '../../graphql/persisted-queries.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { Meter } from '../../model.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { UNMETERED } from '../../rates/meters.ts';
import { type Admission, noRoom, type Refused } from '../peers/admission.ts';
import { closingError } from '../peers/closing-error.ts';
import { Ending } from '../peers/ending.ts';
import { type Envelope, TextFrame } from '../peers/envelope.ts';
import type { Outbox } from '../peers/outbox.ts';
import { type Room, SocketRoom, type UserRooms } from '../peers/subscription-rooms.ts';
import { Connection, type ConnectionOptions, type Sockets } from './connection.ts';
import { messageOf, restoreDocument } from './hashed-frame.ts';
import type { SocketEndpoint } from './upgrade.ts';

export interface GraphqlWsOptions {
  readonly schema: GraphQLSchema;
  readonly execution: Execution;
  readonly formatError: FormatError;
  readonly createContext: (caller: Caller) => Context;
  readonly standingOf: StandingOf;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly persisted: PersistedQueries;
  readonly connections: ConnectionOptions;
  readonly gatewayRooms: UserRooms;
}

/** Makes the error for which an operation is refused. */
type Refuse = () => GraphQLError;

/** The state of one socket of this protocol. */
interface Extra {
  readonly connection: Connection;
  /** Headers of the upgrade that may hold a token or a gateway's secret; dropped once the caller is known. */
  headers: { readonly authorization: string | undefined; readonly secret: unknown } | null;
  readonly userAgent: string | null;
  /** The cap of its subscriptions. */
  room: Room;
  /** Called when `connection_init` has come. */
  readonly stopWaiting: () => void;
  standing: Standing;
  /** There is no room: the socket is open only to say so. */
  isTurnedAway: boolean;
  /** For a gateway that was not admitted. */
  refuse: Refuse | null;
  /** The viewer's; nothing is counted before the viewer is known. */
  meter: Meter;
  /** Ends the step of the present frame, so that the next may follow. */
  settle: () => void;
}

const NO_ROOM = `A socket carries at most ${LIMITS.subscriptionsPerSocket} subscriptions.`;

type WsServer = Server<Extra>;

/** Frames before the acknowledgement: a token and little else. */
const INIT_BYTES = 16 * 1024;

const NOBODY: Standing = { isProven: false, isTrusted: false };

export function createGraphqlWs(options: GraphqlWsOptions): SocketEndpoint {
  const server = makeProtocol(options);
  const isToldInWords = ({ headers }: IncomingMessage): boolean =>
    options.standingOf(secretOfHeaders(headers)).isProven;
  return {
    path: '/graphql',
    handleProtocols,
    needsProtocol: true,
    isToldInWords,
    accept(sockets, request) {
      const extra = open(options, sockets, request);
      options.admission.open(extra.connection, 'graphql_ws', sockets.address);
      speak(server, options, sockets, extra);
    },
    turnAway(sockets, request) {
      if (!isToldInWords(request)) return false;
      const extra = open(options, sockets, request);
      extra.isTurnedAway = true;
      if (!options.admission.keepTurnedAway(extra.connection)) return false;
      speak(server, options, sockets, extra);
      return true;
    },
  };
}

function open(options: GraphqlWsOptions, sockets: Sockets, request: IncomingMessage): Extra {
  const { clock, log } = options;
  const connection = new Connection(sockets, clock, log, options.connections);
  const { authorization, 'user-agent': userAgent = null } = request.headers;
  const headers = { authorization, secret: secretOfHeaders(request.headers) };
  const stopWaiting = clock.after(TIMES.connectionInitMs, () =>
    connection.close(CLOSE_CODES.TIMEOUT, 'Connection initialisation timeout'),
  );
  connection.onClose(stopWaiting);
  return {
    connection,
    headers,
    userAgent,
    room: new SocketRoom(),
    stopWaiting,
    standing: NOBODY,
    refuse: null,
    meter: UNMETERED,
    isTurnedAway: false,
    settle: () => undefined,
  };
}

function speak(server: WsServer, options: GraphqlWsOptions, sockets: Sockets, extra: Extra): void {
  const { connection } = extra;
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
    closed(code, reason).catch((error: unknown) => options.log.error({ err: error }, 'closing failed'));
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
  if (!connection.viewer && !extra.refuse && Buffer.byteLength(text) > INIT_BYTES) {
    return connection.close(CLOSE_CODES.TOO_BIG, 'Authenticate first');
  }
  extra.meter.spend(Math.floor(text.length / LIMITS.charactersPerUnit));
  const { viewer } = connection;
  const fault = viewer ? faultOfNumbers(text) : null;
  if (fault !== null) {
    extra.meter.spend(1);
    return refuseInexact(connection, text, fault);
  }
  const accepted = new Promise<void>((resolve) => {
    extra.settle = () => void setImmediate(resolve);
  });
  const handled = handle(messageOf(text)).catch((error: unknown) => {
    // The library throws for frames that a client may not send.
    log.debug({ err: error, connection: connection.id }, 'frame refused');
    connection.close(CLOSE_CODES.BAD_REQUEST, 'Invalid message received');
  });
  await Promise.race([handled, accepted]);
}

/** Refuses inexact input instead of changing it: the operation ends before it begins. */
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
    // Its own timer would not use the injected clock.
    connectionInitWaitTimeout: 0,
    onConnect: (ctx) => {
      ctx.extra.stopWaiting();
      const params = ctx.connectionParams;
      Object.assign(ctx, { connectionParams: undefined });
      const openIds = (): string[] => Object.keys(ctx.subscriptions);
      return authenticate(params, ctx.extra, openIds, options);
    },
    onSubscribe: ({ extra }, id, payload) => {
      const { bearer } = extra.connection;
      if (!bearer) return [extra.refuse?.() ?? toGraphQLError(unauthenticated('MISSING'))];
      const { meter, standing } = extra;
      restoreDocument(payload, options.persisted);
      try {
        if (id.length > LIMITS.idCharacters) throw refuse(meter, 'The id is too long.');
        if (execution.kindOf(payload, meter) === 'subscription') {
          if (extra.room.isFull) throw refuse(meter, NO_ROOM);
          meter.subscribe();
        }
      } catch (error) {
        return [toGraphQLError(error as ServiceError)];
      }
      const args = execution.prepare(
        payload,
        options.createContext({
          bearer,
          refusal: null,
          isTrustedGateway: standing.isTrusted,
          isProvenGateway: standing.isProven,
          meter,
          userAgent: extra.userAgent,
          lastEventId: null,
          renew: (next) => bearer.renew(next),
          isGone: () => !extra.connection.isOpen,
        }),
      );
      // The library keeps the message while the subscription is open; the needed parts were taken out before.
      Object.assign(payload, { query: '', variables: null, extensions: null });
      const { connection, room } = extra;
      return 'document' in args ? Object.assign(args, { target: { connection, room, id, meter } }) : args;
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

/** The error of an operation over a cap, which counts like those over a rate. */
function refuse(meter: Meter, message: string): ServiceError {
  meter.overrun();
  return badInput(message);
}

/** An operation, and the destination of its responses on this node. */
type TargetedArgs = PreparedArgs & {
  readonly target: Pick<Extra, 'connection' | 'room' | 'meter'> & { readonly id: string };
};

/**
 * Opens a subscription. Its responses go from the shared rendering straight into
 * the socket's outbox; the library gets an iterator that only ends, and
 * implements the protocol.
 */
async function subscribe(args: TargetedArgs, options: GraphqlWsOptions): Promise<Awaited<OperationResult>> {
  const { execution, metrics } = options;
  const { connection, room, id, meter } = args.target;
  let leave: () => void;
  try {
    leave = room.open(args);
  } catch (error) {
    meter.overrun();
    return { errors: [toGraphQLError(error as ServiceError)] };
  }
  const result = await execution.subscribe(args);
  if (!isSubscription(result)) {
    leave();
    return result as Awaited<OperationResult>;
  }
  let forget = (): void => undefined;
  const ending = new Ending(result, () => {
    forget();
    leave();
    metrics.subscriptions.dec({ transport: 'graphql_ws' });
  });
  metrics.subscriptions.inc({ transport: 'graphql_ws' });
  // At once when the socket ended while the subscription was being opened.
  forget = connection.onEnd(() => void ending.return());
  result.pipe(new SocketOutlet(connection, id, ending, metrics));
  return ending as unknown as Awaited<OperationResult>;
}

/** The destination of one subscription's responses: `next` messages in the socket's outbox. */
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
    if (error?.isSlowReader) this.#connection.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
    this.#ending.end(error);
  }

  isCongested(): boolean {
    return this.#outbox.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#outbox.onRoom(resume);
  }
}

/** Returns the acknowledgement's payload, or closes the socket with the contract's code. */
async function authenticate(
  params: Readonly<Record<string, unknown>> | undefined,
  extra: Extra,
  openIds: () => string[],
  options: GraphqlWsOptions,
): Promise<boolean | Record<string, unknown>> {
  const { connection, headers } = extra;
  const { admission, standingOf } = options;
  extra.headers = null;
  extra.standing = standingOf(secretOfConnectionInit(params, headers?.secret));
  const isGateway = extra.standing.isProven;
  if (isGateway) {
    admission.vouch(connection);
    connection.bePatient();
    connection.onParting((code, reason) => lastWords(openIds(), closingError(code, reason), options));
  }
  const token = tokenOfConnectionInit(params, headers?.authorization);
  const deviceId = textOfConnectionInit(params, 'deviceId');
  const credentials = { token, deviceId, connectionType: 'GRAPHQL_WS', isGateway } as const;
  const admitted = extra.isTurnedAway ? noRoom() : await admission.admit(connection, credentials);
  if (!('error' in admitted)) {
    extra.meter = admitted.meter;
    if (isGateway) extra.room = options.gatewayRooms.of(admitted.viewer);
    return { connectionId: connection.id };
  }
  if (!isGateway) {
    connection.close(admitted.code, admitted.reason);
    return false;
  }
  extra.refuse = keepForRefusals(connection, admitted, options.clock);
  return true;
}

/** The error messages of operations that end with their socket. */
function lastWords(ids: readonly string[], error: ServiceError, { formatError }: GraphqlWsOptions): string[] {
  const payload = [formatError(error)];
  return ids.map((id) => JSON.stringify({ id, type: 'error', payload }));
}

/**
 * Keeps a gateway's socket that was not admitted, so that each operation gets the refusal.
 * It is closed when nothing is asked for a while. Returns the refusal.
 */
function keepForRefusals(connection: Connection, { code, reason, error }: Refused, clock: Clock): Refuse {
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel();
    cancel = clock.after(TIMES.idleGatewayMs, () => connection.close(code, reason));
  };
  wait();
  connection.onClose(() => cancel());
  return () => {
    wait();
    return toGraphQLError(error);
  };
}
