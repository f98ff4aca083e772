/** One subscription of a socket: the destination of its responses, and the counts that its end releases. */
import type { GraphQLError } from 'graphql';
import { MessageType } from 'graphql-ws';
import type { Outlet, Payload, Subscription } from '../../delivery/rendered-stream.ts';
import { CLOSE_CODES, type ServiceError, TOO_SLOW } from '../../errors.ts';
import { toGraphQLError } from '../../graphql/errors.ts';
import { TextFrame } from '../peers/envelope.ts';
import type { OpenSubscription } from '../peers/open-documents.ts';
import type { Connection } from './connection.ts';
import type { GraphqlWsOptions } from './graphql-ws-options.ts';

/** The socket of an operation. */
export interface OperationSocket {
  readonly connection: Connection;
  readonly options: GraphqlWsOptions;
  /** Sends a message about an operation. */
  send(id: string, type: MessageType, payload?: object): void;
  inWords(errors: readonly GraphQLError[]): readonly object[];
  /** An operation has ended. */
  forget(operation: GraphqlOperation, held: OpenSubscription): void;
}

/** Puts responses of the shared rendering straight into the socket's outbox, in frames of this subscription. */
export class GraphqlOperation extends TextFrame implements Outlet {
  readonly id: string;
  readonly #socket: OperationSocket;
  readonly #subscription: Subscription;
  readonly #held: OpenSubscription;
  #isOver = false;

  constructor(socket: OperationSocket, id: string, subscription: Subscription, held: OpenSubscription) {
    super(`{"id":${JSON.stringify(id)},"type":"next","payload":`, '}');
    this.id = id;
    this.#socket = socket;
    this.#subscription = subscription;
    this.#held = held;
  }

  deliver(payload: Payload, event: object): void {
    const { connection, options } = this.#socket;
    connection.outbox.write(this, payload);
    options.metrics.delivered(event, 'graphql_ws', connection.viewer);
  }

  /** Ended by the service; the client is notified. */
  end(error: ServiceError | null): void {
    if (!this.#finish()) return;
    const { connection } = this.#socket;
    if (error?.isSlowReader) connection.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
    if (error) this.#socket.send(this.id, MessageType.Error, this.#socket.inWords([toGraphQLError(error)]));
    else this.#socket.send(this.id, MessageType.Complete);
  }

  /** Ended by the client, or with its socket. */
  close(): void {
    this.#finish();
  }

  isCongested(): boolean {
    return this.#socket.connection.outbox.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#socket.connection.outbox.onRoom(resume);
  }

  /** False: the operation had ended already. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#socket.forget(this, this.#held);
    this.#subscription.close();
    return true;
  }
}
