/**
 * WebSockets to a subgraph that the subscriptions of one caller share, and that do not reconnect.
 *
 * The gateway's own transport subscribes again after a lost connection, without a position: events sent meanwhile would be
 * missing silently. Here the subscription ends, and its client resumes with `after`.
 */
import { type DocumentNode, print } from 'graphql';
import { type Client, createClient, type FormattedExecutionResult } from 'graphql-ws';

const PING_EVERY_MS = 10_000;
/** The subgraph is gone if it does not answer a ping within this time. */
const PONG_WITHIN_MS = 5_000;
/** An idle socket stays open for this time, so that the next page of a user can use it. */
const IDLE_MS = 3_000;

export interface Place {
  readonly url: string;
  /** The payload of `connection_init`. */
  readonly credentials: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly document: DocumentNode;
  readonly variables?: Record<string, unknown> | undefined;
  readonly operationName?: string | undefined;
}

export class Sockets {
  readonly #clients = new Map<string, Client>();

  subscribe(
    place: Place,
    { document, variables, operationName }: Operation,
  ): AsyncIterableIterator<FormattedExecutionResult> {
    return this.#clientOf(place).iterate({
      query: print(document),
      ...(variables ? { variables } : {}),
      ...(operationName ? { operationName } : {}),
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.dispose()));
  }

  #clientOf(place: Place): Client {
    const key = JSON.stringify(place);
    const known = this.#clients.get(key);
    if (known) return known;
    let patience: NodeJS.Timeout | undefined;
    const client = createClient({
      url: place.url,
      connectionParams: { ...place.credentials },
      retryAttempts: 0,
      lazyCloseTimeout: IDLE_MS,
      keepAlive: PING_EVERY_MS,
      on: {
        ping: (isReceived) => {
          if (!isReceived) patience = setTimeout(() => client.terminate(), PONG_WITHIN_MS);
        },
        pong: () => clearTimeout(patience),
        closed: () => {
          clearTimeout(patience);
          if (this.#clients.get(key) === client) this.#clients.delete(key);
        },
      },
    });
    this.#clients.set(key, client);
    return client;
  }
}
