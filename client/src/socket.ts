/** A link over graphql-ws. */

import { type Client, createClient } from 'graphql-ws/client';
import { type End, endOfClose, STOPPED } from './closes.ts';
import { isOnline } from './host.ts';
import { type Carried, Link, type Variables } from './link.ts';
import { OFFLINE_WITHIN_MS, OPEN_WITHIN_MS, PING_EVERY_MS, PONG_WITHIN_MS } from './waits.ts';
import { within } from './within.ts';

export interface SocketOptions {
  readonly url: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly webSocket?: unknown;
  /** A request without an answer after this time rejects with `Overdue`. */
  readonly answerWithinMs: number;
}

interface RawSocket {
  readonly readyState: number;
  send(text: string): void;
}

export class Socket extends Link {
  readonly isHttp = false;
  readonly #client: Client;
  readonly #answerWithinMs: number;
  #raw: RawSocket | null = null;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #isReady = false;

  constructor({ url, params, webSocket, answerWithinMs }: SocketOptions) {
    super();
    this.#answerWithinMs = answerWithinMs;
    this.#client = createClient({
      url,
      connectionParams: params,
      webSocketImpl: webSocket,
      lazy: false,
      retryAttempts: 0,
      keepAlive: PING_EVERY_MS,
      onNonLazyError: () => undefined,
      on: {
        opened: (socket) => {
          this.#raw = socket as RawSocket;
        },
        connected: () => {
          this.#isReady = true;
          this.#within(null);
          this.opened();
        },
        ping: (isReceived) => {
          if (!isReceived) this.#within(PONG_WITHIN_MS);
        },
        // Any message shows that the connection is alive.
        message: () => this.#within(null),
        closed: (event) => this.cut(endOfClose(event)),
      },
    });
    this.#within(OPEN_WITHIN_MS);
  }

  request<Data>(query: string, variables: Variables = {}): Promise<Data> {
    let stop: (() => void) | undefined;
    const answer = new Promise<Data>((resolve, reject) => {
      let data: Data | undefined;
      stop = this.subscribe<Data>(query, variables, {
        next: (value) => {
          data = value;
        },
        end: (error) => (data === undefined ? reject(error) : resolve(data)),
      });
    });
    return within(this.#answerWithinMs, answer).finally(stop);
  }

  check(): void {
    if (this.isOver || (this.#deadline !== undefined && isOnline())) return;
    this.#raw?.send('{"type":"ping"}');
    this.#within(isOnline() ? PONG_WITHIN_MS : OFFLINE_WITHIN_MS);
  }

  protected carry<Data>(query: string, variables: Variables, sink: Carried<Data>): () => void {
    return this.#client.subscribe<Data>({ query, variables }, sink);
  }

  protected release(end: End): void {
    this.#within(null);
    // Otherwise graphql-ws would reconnect after a normal end, with the original variables.
    Promise.resolve(this.#client.dispose()).catch(() => undefined);
    if (end.code !== STOPPED || !this.#isReady) this.#client.terminate();
  }

  #within(ms: number | null): void {
    clearTimeout(this.#deadline);
    this.#deadline = ms === null ? undefined : setTimeout(() => this.cut(), ms);
  }
}
