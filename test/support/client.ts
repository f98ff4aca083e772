/** The graphql-ws client, with what it receives in queues that can be waited for. */
import { type Client, type ClientOptions, createClient, type SubscribePayload } from 'graphql-ws';
import { WebSocket } from 'ws';
import { eventually } from './eventually.ts';
import type { Data } from './service.ts';

export interface TestSubscription {
  /** The data of each event, oldest first. */
  readonly events: Data[];
  readonly errors: readonly { message: string; extensions: { code: string } & Data }[];
  readonly isOver: boolean;
  /** The next event not yet taken. */
  next(): Promise<Data>;
  /** Waits for so many events in all. */
  count(total: number): Promise<Data[]>;
  stop(): void;
}

export interface TestClient {
  readonly client: Client;
  readonly closes: { code: number; reason: string }[];
  /** Accepted once resolved. */
  subscribe(query: string, variables?: Record<string, unknown>): Promise<TestSubscription>;
  query(query: string, variables?: Record<string, unknown>): Promise<Data>;
  close(): Promise<void>;
}

export async function connectClient(
  url: string,
  token: string | null,
  deviceId?: string,
  options: Partial<ClientOptions> = {},
): Promise<TestClient> {
  const closes: { code: number; reason: string }[] = [];
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: 0,
    connectionParams: { ...(token === null ? {} : { token }), ...(deviceId ? { deviceId } : {}) },
    onNonLazyError: () => undefined,
    ...options,
  });
  client.on('closed', (event) => {
    const { code, reason } = event as { code: number; reason: string };
    closes.push({ code, reason });
  });
  let isConnected = false;
  client.on('connected', () => {
    isConnected = true;
  });
  await eventually(() => {
    if (!isConnected && closes.length === 0) throw new Error('Not connected yet.');
  });

  async function query(text: string, variables?: Record<string, unknown>): Promise<Data> {
    return new Promise((resolve, reject) => {
      let result: Data;
      client.subscribe(payload(text, variables), {
        next: (value) => {
          result = value;
        },
        error: reject,
        complete: () => resolve(result),
      });
    });
  }

  return {
    client,
    closes,
    query,
    async subscribe(text, variables) {
      const subscription = listen(client, payload(text, variables));
      // A socket's frames are handled in order: this is answered once the subscription is accepted or refused.
      await query('{ __typename }').catch(() => undefined);
      return subscription;
    },
    close: async () => client.dispose(),
  };
}

const payload = (query: string, variables?: Record<string, unknown>): SubscribePayload => ({
  query,
  ...(variables ? { variables } : {}),
});

function listen(client: Client, request: SubscribePayload): TestSubscription {
  const events: Data[] = [];
  const errors: Data[] = [];
  let isOver = false;
  let taken = 0;
  const stop = client.subscribe<Data>(request, {
    next: (result) => {
      if (result.errors) errors.push(...result.errors);
      if (result.data) events.push(result.data);
    },
    error: (error) => {
      errors.push(...(Array.isArray(error) ? error : [error]));
      isOver = true;
    },
    complete: () => {
      isOver = true;
    },
  });
  const count = (total: number): Promise<Data[]> =>
    eventually(() => {
      if (events.length < total)
        throw new Error(`${events.length} of ${total} events, errors ${JSON.stringify(errors)}`);
      return events;
    });
  return {
    events,
    errors,
    get isOver() {
      return isOver;
    },
    async next() {
      taken += 1;
      return (await count(taken))[taken - 1];
    },
    count,
    stop,
  };
}
