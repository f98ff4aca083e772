/**
 * Caps of open subscriptions.
 *
 * A client's socket has its own cap. For gateways, which may put all subscriptions of a user on one socket or each on
 * another, and for HTTP streams, which carry one each, the cap is per user and process: as much as all the sockets that
 * the user may open.
 */
import { badInput, type ServiceError, unavailable } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Viewer } from '../../model.ts';
import { OpenDocuments, type OpenSubscription, type Subscribed } from './open-documents.ts';

export interface SubscriptionCap {
  /** Whether no further subscription fits, whatever its document. */
  readonly isFull: boolean;
  /** Counts a subscription, which is released once. @throws {ServiceError} when the cap is reached. */
  open(subscribed: Subscribed): OpenSubscription;
  close(held: OpenSubscription): void;
}

function tooMuch(sockets: number): ServiceError {
  const characters = sockets * LIMITS.subscribedCharactersPerSocket;
  const variables = sockets * LIMITS.subscribedVariablesPerSocket;
  return badInput(
    `Subscriptions are of at most ${characters} characters of different documents, and ${variables} of variables.`,
  );
}

/** For one client's socket. */
export class SocketCap implements SubscriptionCap {
  readonly #documents = new OpenDocuments();

  get isFull(): boolean {
    return this.#documents.subscriptions >= LIMITS.subscriptionsPerSocket;
  }

  open(subscribed: Subscribed): OpenSubscription {
    const held = this.#documents.open(subscribed);
    if (!held) throw tooMuch(1);
    return held;
  }

  close(held: OpenSubscription): void {
    this.#documents.close(held);
  }
}

/** For users, whatever transport carries their subscriptions. */
export class UserCaps {
  /** The cap of a user, as a multiple of the cap of one socket. */
  readonly #sockets: number;
  /** For all users together. */
  readonly #most: number;
  readonly #users = new Map<string, OpenDocuments>();
  #open = 0;

  constructor({ sockets, most }: { readonly sockets: number; readonly most: number }) {
    this.#sockets = sockets;
    this.#most = most;
  }

  of(viewer: Viewer): SubscriptionCap {
    const key = JSON.stringify([viewer.tenant, viewer.userId]);
    return {
      isFull: false,
      open: (subscribed) => this.#enter(key, subscribed),
      close: (held) => this.#leave(key, held),
    };
  }

  #enter(key: string, subscribed: Subscribed): OpenSubscription {
    if (this.#open >= this.#most) throw unavailable();
    const documents = this.#users.get(key) ?? new OpenDocuments(this.#sockets);
    if (documents.subscriptions >= this.#sockets * LIMITS.subscriptionsPerSocket) throw unavailable();
    const held = documents.open(subscribed);
    if (!held) throw tooMuch(this.#sockets);
    this.#users.set(key, documents);
    this.#open += 1;
    return held;
  }

  #leave(key: string, held: OpenSubscription): void {
    const documents = this.#users.get(key);
    if (!documents || !held.isOpen) return;
    this.#open -= 1;
    documents.close(held);
    if (documents.subscriptions === 0) this.#users.delete(key);
  }
}
