/** One subscription of a socket: where its responses go, and what it gives back when it is over. */
import type { GraphQLError } from 'graphql';
import { MessageType } from 'graphql-ws';
import type { Outlet, Payload, Subscription } from '../../delivery/rendered-stream.ts';
import { CLOSE_CODES, type ServiceError, TOO_SLOW } from '../../errors.ts';
import { toGraphQLError } from '../../graphql/errors.ts';
import { TextFrame } from '../peers/envelope.ts';
import type { Held } from '../peers/open-documents.ts';
import type { Connection } from './connection.ts';
import type { GraphqlWsOptions } from './graphql-ws-options.ts';

/** The socket of an operation. */
export interface OperationSocket {
  readonly connection: Connection;
  readonly options: GraphqlWsOptions;
  /** Sends a message about an operation. */
  tell(id: string, type: MessageType, payload?: object): void;
  inWords(errors: readonly GraphQLError[]): readonly object[];
  /** An operation is over. */
  forget(operation: GraphqlOperation, held: Held): void;
}

/** Responses go from the shared rendering straight into the socket's outbox, each in the frame that this is. */
export class GraphqlOperation extends TextFrame implements Outlet {
  readonly id: string;
  readonly #socket: OperationSocket;
  readonly #subscription: Subscription;
  readonly #held: Held;
  #isOver = false;

  constructor(socket: OperationSocket, id: string, subscription: Subscription, held: Held) {
    super(`{"id":${JSON.stringify(id)},"type":"next","payload":`, '}');
    this.id = id;
    this.#socket = socket;
    this.#subscription = subscription;
    this.#held = held;
  }

  deliver(payload: Payload, event: object): void {
    this.#socket.connection.outbox.write(this, payload);
    this.#socket.options.metrics.delivered(event, 'graphql_ws');
  }

  /** Of itself: its client is told so. */
  end(error: ServiceError | null): void {
    if (!this.#finish()) return;
    const { connection } = this.#socket;
    if (error?.isSlowReader) connection.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
    if (error) this.#socket.tell(this.id, MessageType.Error, this.#socket.inWords([toGraphQLError(error)]));
    else this.#socket.tell(this.id, MessageType.Complete);
  }

  /** At its client's word, or with its socket. */
  close(): void {
    this.#finish();
  }

  isCongested(): boolean {
    return this.#socket.connection.outbox.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#socket.connection.outbox.onRoom(resume);
  }

  /** False: it was over before. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#socket.forget(this, this.#held);
    this.#subscription.close();
    return true;
  }
}
