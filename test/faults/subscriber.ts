/** A subscriber as a front end has one: graphql-ws connects again, and the position says where to go on. */
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Heard, Seen } from './history.ts';

const QUERY = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id conversationId sequence position clientMessageId }
}`;

const RETRY_MS = 50;
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
}

export interface Subscriber {
  readonly heard: Heard;
  readonly client: Pick<Client, 'dispose'>;
}

export function subscribe(options: SubscriberOptions): Subscriber {
  const { url, token, conversationId, position, query = QUERY, webSocketImpl = WebSocket } = options;
  const heard: Heard = { conversationId, events: [], errors: [], closes: [], closedAt: [] };
  const client = createClient({
    url,
    webSocketImpl,
    connectionParams: { token },
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, RETRY_MS)),
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
          heard.events.push(data.messageReceived);
          variables.after = [data.messageReceived.position];
        },
        error(error) {
          if (AGAIN.some((code) => JSON.stringify(error).includes(code))) setTimeout(begin, RETRY_MS);
          else heard.errors.push(JSON.stringify(error));
        },
        // A subscription that could not be opened has one response, its errors, and is complete.
        complete() {
          if (isAway) setTimeout(begin, RETRY_MS);
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
