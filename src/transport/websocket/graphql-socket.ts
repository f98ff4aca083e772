/**
 * One socket of `graphql-transport-ws`: the order of its frames, and their answers.
 *
 * graphql-ws checks the messages and names their types. The state of a socket is kept here: the library's server keeps
 * an async function, eight promises and their closures for as long as a subscription is open, and the message itself.
 */
import type { ExecutionResult, GraphQLError } from 'graphql';
import { MessageType, parseMessage, type SubscribePayload } from 'graphql-ws';
import type { Bearer } from '../../access/bearer.ts';
import type { Standing } from '../../access/gateway.ts';
import { badInput, CLOSE_CODES, type ServiceError, unauthenticated } from '../../errors.ts';
import { faultOfNumbers } from '../../exact-json.ts';
import { FewByKey } from '../../few.ts';
import { toGraphQLError } from '../../graphql/errors.ts';
import { isSubscription } from '../../graphql/execution.ts';
import type { PreparedArgs } from '../../graphql/operations.ts';
import { LIMITS } from '../../limits.ts';
import type { Meter, Viewer } from '../../model.ts';
import { UNMETERED } from '../../rates/meters.ts';
import type { OpenSubscription } from '../peers/open-documents.ts';
import { SocketCap, type SubscriptionCap } from '../peers/subscription-caps.ts';
import type { Connection } from './connection.ts';
import type { FrameHandler } from './frame-handler.ts';
import { GraphqlOperation, type OperationSocket } from './graphql-operation.ts';
import type { GraphqlWsOptions } from './graphql-ws-options.ts';
import { messageOf, restoreHashedFrame } from './hashed-frame.ts';

const FULL = `A socket carries at most ${LIMITS.subscriptionsPerSocket} subscriptions.`;
const NOBODY: Standing = { isProven: false, isTrusted: false };

/** Headers of the upgrade that may contain a token or a gateway's secret. */
export interface UpgradeHeaders {
  readonly authorization: string | undefined;
  readonly secret: unknown;
}

/** How sockets begin; one object for all of them. */
export interface Beginning {
  /** Identifies the caller. Returns the payload of the acknowledgement, or null when it closed the socket. */
  authenticate(
    socket: GraphqlSocket,
    params: Readonly<Record<string, unknown>> | undefined,
  ): Promise<Record<string, unknown> | true | null>;
  /** The socket has ended. */
  end(socket: GraphqlSocket): void;
}

export class GraphqlSocket implements FrameHandler, OperationSocket {
  readonly connection: Connection;
  readonly options: GraphqlWsOptions;
  readonly userAgent: string | null;
  readonly lastEventId = null;
  /** Null once the caller is known. */
  headers: UpgradeHeaders | null;
  standing: Standing = NOBODY;
  /** The socket was refused, and is open only to report that. */
  isTurnedAway = false;
  /** The reason why a gateway was not admitted. */
  refuse: (() => GraphQLError) | null = null;
  /** The viewer's count; nothing is counted before the viewer is known. */
  meter: Meter = UNMETERED;
  /** The cap of its subscriptions, created with the first. */
  cap: SubscriptionCap | null = null;
  readonly #beginning: Beginning;
  readonly #operations = new FewByKey<string, GraphqlOperation>();
  #isBegun = false;
  #isAcknowledged = false;

  constructor(
    connection: Connection,
    options: GraphqlWsOptions,
    { headers, userAgent }: { readonly headers: UpgradeHeaders; readonly userAgent: string | null },
    beginning: Beginning,
  ) {
    this.connection = connection;
    this.options = options;
    this.headers = headers;
    this.userAgent = userAgent;
    this.#beginning = beginning;
  }

  /** The open subscriptions by id. */
  get ids(): readonly string[] {
    return this.#operations.keys();
  }

  /** Resolves when the frame is handled, or when the subscription it opens is accepted. */
  async handle(text: string): Promise<void> {
    const { connection, meter } = this;
    const { viewer } = connection;
    if (!viewer && !this.refuse && Buffer.byteLength(text) > LIMITS.initBytes) {
      return connection.close(CLOSE_CODES.TOO_BIG, 'Authenticate first');
    }
    meter.spend(Math.floor(text.length / LIMITS.charactersPerUnit));
    const fault = viewer ? faultOfNumbers(text) : null;
    if (fault !== null) {
      meter.spend(1);
      return this.#refuseInexact(text, fault);
    }
    try {
      await this.#take(text);
    } catch (error) {
      // The library throws for frames that a client may not send.
      this.options.log.debug({ err: error, connection: connection.id }, 'frame refused');
      connection.close(CLOSE_CODES.BAD_REQUEST, 'Invalid message received');
    }
  }

  onPeerEnd(): void {
    this.#beginning.end(this);
    for (const operation of this.#operations.values()) operation.close();
  }

  /** Sends a message about an operation. */
  send(id: string, type: MessageType, payload?: object): void {
    void this.connection.send(JSON.stringify({ id, type, payload }));
  }

  inWords(errors: readonly GraphQLError[]): readonly object[] {
    return errors.map(this.options.formatError);
  }

  /** An operation has ended. */
  forget(operation: GraphqlOperation, held: OpenSubscription): void {
    this.#operations.delete(operation.id);
    this.cap?.close(held);
    this.options.metrics.subscriptions.dec({ transport: 'graphql_ws' });
  }

  /** Not async, so that a forbidden frame is refused before later frames are handled. */
  #take(text: string): Promise<void> | undefined {
    const message = parseMessage(messageOf(text));
    switch (message.type) {
      case MessageType.ConnectionInit:
        return this.#begin(message.payload);
      case MessageType.Ping: {
        const { payload } = message;
        return this.connection.send(JSON.stringify({ type: MessageType.Pong, ...(payload ? { payload } : {}) }));
      }
      case MessageType.Pong:
        return undefined;
      case MessageType.Subscribe:
        return this.#start(message.id, message.payload);
      case MessageType.Complete:
        this.#operations.get(message.id)?.close();
        return undefined;
      default:
        throw new Error(`A client must not send messages of type ${message.type}.`);
    }
  }

  async #begin(payload: unknown): Promise<void> {
    const { connection } = this;
    if (this.#isBegun) return connection.close(CLOSE_CODES.TOO_MANY, 'Too many initialisation requests');
    this.#isBegun = true;
    const params = (payload ?? undefined) as Readonly<Record<string, unknown>> | undefined;
    const answer = await this.#beginning.authenticate(this, params);
    if (answer === null) return;
    this.#isAcknowledged = true;
    const acknowledgement = { type: MessageType.ConnectionAck, ...(answer === true ? {} : { payload: answer }) };
    await connection.send(JSON.stringify(acknowledgement));
  }

  async #start(id: string, payload: SubscribePayload): Promise<void> {
    const { connection } = this;
    if (!this.#isAcknowledged) return connection.close(CLOSE_CODES.UNAUTHORIZED, 'Unauthorized');
    if (this.#operations.has(id))
      return connection.close(CLOSE_CODES.SUBSCRIBER_ALREADY_EXISTS, `Subscriber for ${id} already exists`);
    const { bearer } = connection;
    if (!bearer) return this.#refuseOperation(id, [this.refuse?.() ?? toGraphQLError(unauthenticated('MISSING'))]);
    const args = this.#prepare(id, payload, bearer);
    if (!('document' in args)) return this.#refuseOperation(id, args);
    if (args.isSubscription) return this.#subscribe(id, args);
    this.#answer(id, await this.options.execution.execute(args));
  }

  /** The operation to run, or the errors that prevent it. */
  #prepare(
    id: string,
    payload: SubscribePayload,
    bearer: Bearer,
  ): (PreparedArgs & { readonly isSubscription: boolean }) | readonly GraphQLError[] {
    const { meter, options } = this;
    const { execution } = options;
    restoreHashedFrame(payload, options.persisted);
    let isSubscription = false;
    try {
      if (id.length > LIMITS.idCharacters) throw this.#tooMuch('The id is too long.');
      isSubscription = execution.kindOf(payload, meter) === 'subscription';
      if (isSubscription) {
        if (this.cap?.isFull) throw this.#tooMuch(FULL);
        meter.subscribe();
      }
    } catch (error) {
      return [toGraphQLError(error as ServiceError)];
    }
    const args = execution.prepare(payload, options.createContext(new SocketCaller(this, bearer)));
    return 'document' in args ? { ...args, isSubscription } : args;
  }

  async #subscribe(id: string, args: PreparedArgs): Promise<void> {
    const { execution, metrics } = this.options;
    let held: OpenSubscription;
    this.cap ??= new SocketCap();
    const { cap } = this;
    try {
      held = cap.open(args);
    } catch (error) {
      this.meter.overrun();
      return this.#answer(id, { errors: [toGraphQLError(error as ServiceError)] });
    }
    const result = await execution.subscribe(args);
    if (!isSubscription(result)) {
      cap.close(held);
      return this.#answer(id, result);
    }
    const operation = new GraphqlOperation(this, id, result, held);
    metrics.subscriptions.inc({ transport: 'graphql_ws' });
    // The socket may have ended while the subscription was being opened.
    if (!this.connection.isOpen) return operation.close();
    this.#operations.set(id, operation);
    result.pipe(operation);
  }

  /** Sends the only result of an operation, which ends it. */
  #answer(id: string, { errors, ...rest }: ExecutionResult): void {
    // Written in this turn, so that the next frame does not wait for the peer to read the answer.
    this.send(id, MessageType.Next, errors ? { errors: this.inWords(errors), ...rest } : rest);
    this.send(id, MessageType.Complete);
  }

  #refuseOperation(id: string, errors: readonly GraphQLError[]): void {
    this.send(id, MessageType.Error, this.inWords(errors));
  }

  /** Refuses an inexact number instead of changing it: the operation ends before it begins. */
  #refuseInexact(text: string, message: string): void {
    const { id, type } = JSON.parse(text) as { readonly id?: unknown; readonly type?: unknown };
    if (type !== 'subscribe' || typeof id !== 'string') {
      return this.connection.close(CLOSE_CODES.BAD_REQUEST, 'A number is more than a double can hold');
    }
    this.send(id, MessageType.Error, [{ message, extensions: { code: 'BAD_USER_INPUT' } }]);
  }

  /** The error of an operation over a cap, which counts like those over a rate. */
  #tooMuch(message: string): ServiceError {
    this.meter.overrun();
    return badInput(message);
  }
}

/** The caller on a socket. */
class SocketCaller {
  readonly bearer: Bearer;
  readonly #socket: GraphqlSocket;

  constructor(socket: GraphqlSocket, bearer: Bearer) {
    this.#socket = socket;
    this.bearer = bearer;
  }

  get refusal(): null {
    return null;
  }

  get lastEventId(): null {
    return null;
  }

  get userAgent(): string | null {
    return this.#socket.userAgent;
  }

  get isTrustedGateway(): boolean {
    return this.#socket.standing.isTrusted;
  }

  get isProvenGateway(): boolean {
    return this.#socket.standing.isProven;
  }

  get meter(): Meter {
    return this.#socket.meter;
  }

  renew(next: Viewer): void {
    this.#socket.connection.bearer?.renew(next);
  }

  isGone(): boolean {
    return !this.#socket.connection.isOpen;
  }
}
