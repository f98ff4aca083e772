/**
 * Web sockets to a subgraph, shared by the subscriptions of one caller, that do not come back by themselves.
 *
 * The gateway's own transport subscribes again after a lost connection, without a position: what was sent meanwhile would
 * be missing without a sign. Here the subscription ends, and its client resumes with `after`.
 */
import { type DocumentNode, print } from 'graphql';
import { type Client, createClient, type FormattedExecutionResult } from 'graphql-ws';

/** The subgraph is gone when a ping is not answered for this long. */
const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 5_000;
/** A page that goes and another that comes use one socket. */
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
