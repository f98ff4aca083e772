/** A subscriber as in a front end: graphql-ws reconnects, and the position says where to resume. */
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Heard, Seen } from './history.ts';

const QUERY = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id conversationId sequence position clientMessageId }
}`;

const RETRY_MS = 50;
const MOST_RETRY_MS = 2_000;

/**
 * When to try again: soon at first, then less and less often, as clients do. A hundred who come twenty times a second keep
 * a node on a busy machine from letting in any.
 */
export class Retry {
  #failures = 0;

  nextMs(): number {
    const ms = Math.min(RETRY_MS * 2 ** this.#failures, MOST_RETRY_MS);
    this.#failures += 1;
    return ms * (0.5 + Math.random());
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
/** The engine is away, or a busy machine makes it seem so; or too much was asked: asked again, as the error says. */
const AGAIN = ['SERVICE_UNAVAILABLE', 'RATE_LIMITED'];
export const isToBeAskedAgain = (code: string): boolean => AGAIN.includes(code);

export interface SubscriberOptions {
  /** Asked at each connection. */
  readonly url: () => string;
  readonly token: string;
  readonly conversationId: string;
  /** Where to begin. */
  readonly position: string;
  readonly query?: string;
  readonly webSocketImpl?: unknown;
  /** What is kept of an event. */
  readonly keep?: (event: Seen) => Seen;
}

export interface Subscriber {
  readonly heard: Heard;
  readonly client: Pick<Client, 'dispose'>;
}

export function subscribe(options: SubscriberOptions): Subscriber {
  const {
    url,
    token,
    conversationId,
    position,
    query = QUERY,
    webSocketImpl = WebSocket,
    keep = (event) => event,
  } = options;
  const heard: Heard = { conversationId, events: [], errors: [], closes: [], closedAt: [] };
  const retry = new Retry();
  const client = createClient({
    url,
    webSocketImpl,
    connectionParams: { token },
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, retry.nextMs())),
  });
  client.on('closed', (event) => {
    heard.closes.push((event as { code: number }).code);
    heard.closedAt.push(performance.now());
  });
  // Sent again at each connection, with the position reached by then.
  const variables = { ids: [conversationId], after: [position] };
  let isStopped = false;
  function begin(): void {
    if (isStopped) return;
    let isFirst = true;
    let isAway = false;
    client.subscribe<{ messageReceived: Seen }>(
      { query, variables },
      {
        next({ data, errors }) {
          const codes = (errors ?? []).map(({ extensions }) => String(extensions?.['code']));
          isAway = isFirst && codes.some(isToBeAskedAgain);
          isFirst = false;
          if (!isAway) heard.errors.push(...codes);
          if (!data) return;
          retry.succeeded();
          heard.events.push(keep(data.messageReceived));
          variables.after = [data.messageReceived.position];
        },
        error(error) {
          if (AGAIN.some((code) => JSON.stringify(error).includes(code))) setTimeout(begin, retry.nextMs());
          else heard.errors.push(JSON.stringify(error));
        },
        // A subscription that could not be opened has one response, its errors, and is complete.
        complete() {
          if (isAway) setTimeout(begin, retry.nextMs());
        },
      },
    );
  }
  begin();
  return {
    heard,
    client: {
      dispose() {
        isStopped = true;
        return client.dispose();
      },
    },
  };
}
