/**
 * Room for subscriptions.
 *
 * A client's socket has room of its own. A gateway puts all that a user listens to on
 * one socket, or each subscription on another, and a stream over HTTP carries one each:
 * there the user has room, on this process, as much as all the sockets they may open would have.
 */
import { badInput, type ServiceError, unavailable } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Viewer } from '../../model.ts';
import { OpenDocuments, type Subscribed } from './open-documents.ts';

export interface Room {
  /** Whether there is no room for another subscription, whatever its document. */
  readonly isFull: boolean;
  /** Counts a subscription; the answer gives it back. @throws {ServiceError} when there is no room. */
  open(subscribed: Subscribed): () => void;
}

function tooMuch(sockets: number): ServiceError {
  const characters = sockets * LIMITS.subscribedCharactersPerSocket;
  const variables = sockets * LIMITS.subscribedVariablesPerSocket;
  return badInput(
    `Subscriptions are of at most ${characters} characters of different documents, and ${variables} of variables.`,
  );
}

/** Of one client's socket. */
export class SocketRoom implements Room {
  readonly #documents = new OpenDocuments();

  get isFull(): boolean {
    return this.#documents.subscriptions >= LIMITS.subscriptionsPerSocket;
  }

  open(subscribed: Subscribed): () => void {
    const leave = this.#documents.open(subscribed);
    if (!leave) throw tooMuch(1);
    return leave;
  }
}

/** Of users, whatever brings their subscriptions. */
export class UserRooms {
  /** A user may hold what so many sockets of theirs could. */
  readonly #sockets: number;
  /** Of all users together. */
  readonly #most: number;
  readonly #users = new Map<string, OpenDocuments>();
  #open = 0;

  constructor({ sockets, most }: { readonly sockets: number; readonly most: number }) {
    this.#sockets = sockets;
    this.#most = most;
  }

  of(viewer: Viewer): Room {
    const key = JSON.stringify([viewer.tenant, viewer.userId]);
    return { isFull: false, open: (subscribed) => this.#enter(key, subscribed) };
  }

  #enter(key: string, subscribed: Subscribed): () => void {
    if (this.#open >= this.#most) throw unavailable();
    const documents = this.#users.get(key) ?? new OpenDocuments(this.#sockets);
    if (documents.subscriptions >= this.#sockets * LIMITS.subscriptionsPerSocket) throw unavailable();
    const leave = documents.open(subscribed);
    if (!leave) throw tooMuch(this.#sockets);
    this.#users.set(key, documents);
    this.#open += 1;
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#open -= 1;
      leave();
      if (documents.subscriptions === 0) this.#users.delete(key);
    };
  }
}
