/** The destination of one raw subscription's events: frames in the socket's outbox. */
import type { Outlet, Payload } from '../../delivery/rendered-stream.ts';
import type { ServiceError } from '../../errors.ts';
import { type Envelope, TextFrame } from '../peers/envelope.ts';
import type { Connection } from '../websocket/connection.ts';

/** The same for all sockets, so that sockets with equal frames share the joined bytes. */
const FRAME: Envelope = new TextFrame('', '');

/** Notified of the events and the end of a subscription. */
export interface RawOutletOwner {
  delivered(event: object): void;
  ended(error: ServiceError | null): void;
}

export class RawOutlet implements Outlet {
  readonly #connection: Connection;
  readonly #owner: RawOutletOwner;

  constructor(connection: Connection, owner: RawOutletOwner) {
    this.#connection = connection;
    this.#owner = owner;
  }

  /** Returns the frame's number in the outbox. */
  deliver(payload: Payload, event: object): number {
    const frame = this.#connection.outbox.write(FRAME, payload);
    this.#owner.delivered(event);
    return frame;
  }

  end(error: ServiceError | null): void {
    this.#owner.ended(error);
  }

  isCongested(): boolean {
    return this.#connection.outbox.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#connection.outbox.onRoom(resume);
  }
}
