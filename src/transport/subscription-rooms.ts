/**
 * Room for subscriptions on sockets.
 *
 * A client's socket has room of its own. A gateway puts all that a user listens to
 * on one socket, or each subscription on another: there the user has room, on this
 * process, as much as all the sockets they may open would have.
 */
import type { DocumentNode } from 'graphql';
import { badInput, type ServiceError, unavailable } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Viewer } from '../model.ts';
import { OpenDocuments } from './open-documents.ts';

export interface Room {
  /** Counts a subscription; the answer gives it back. @throws {ServiceError} when there is no room. */
  open(document: DocumentNode): () => void;
}

function tooManyDocuments(most: number): ServiceError {
  return badInput(`Subscriptions are of at most ${most} characters of different documents.`);
}

/** Of one client's socket. How many there are is counted by their ids. */
export class SocketRoom implements Room {
  readonly #documents = new OpenDocuments();

  open(document: DocumentNode): () => void {
    if (!this.#documents.open(document)) throw tooManyDocuments(LIMITS.subscribedCharactersPerSocket);
    return () => this.#documents.close(document);
  }
}

/** Of the users behind gateways. */
export class GatewayRooms {
  /** A gateway may do for a user what so many sockets of theirs could. */
  readonly #sockets: number;
  readonly #users = new Map<string, OpenDocuments>();

  constructor(sockets: number) {
    this.#sockets = sockets;
  }

  of(viewer: Viewer): Room {
    const key = JSON.stringify([viewer.tenant, viewer.userId]);
    return { open: (document) => this.#open(key, document) };
  }

  #open(key: string, document: DocumentNode): () => void {
    const most = this.#sockets * LIMITS.subscribedCharactersPerSocket;
    const documents = this.#users.get(key) ?? new OpenDocuments(most);
    if (documents.subscriptions >= this.#sockets * LIMITS.subscriptionsPerSocket) throw unavailable();
    if (!documents.open(document)) throw tooManyDocuments(most);
    this.#users.set(key, documents);
    return () => {
      documents.close(document);
      if (documents.subscriptions === 0) this.#users.delete(key);
    };
  }
}
