/** One connection by graphql-ws, from its opening to its end. It never comes back: the next is another. */
import { type Client, createClient } from 'graphql-ws/client';
import { END, type End } from './closes.ts';
import { Disconnected, errorOf } from './errors.ts';

const OPEN_WITHIN_MS = 15_000;
const PING_EVERY_MS = 15_000;
const PONG_WITHIN_MS = 6_000;

export type Variables = Readonly<Record<string, unknown>>;

export interface Sink<Data> {
  next(data: Data): void;
  /** It ended; null: by its end or with the connection. */
  end(error: Error): void;
}

export interface SocketOptions {
  readonly url: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly webSocket?: unknown;
}

interface RawSocket {
  readonly readyState: number;
  send(text: string): void;
}

export class Socket {
  /** Resolves once the service has taken the token; rejects when the connection ends before. */
  readonly ready: Promise<void>;
  readonly over: Promise<End>;
  readonly #client: Client;
  readonly #end: (end: End) => void;
  #raw: RawSocket | null = null;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  #isReady = false;
  /** Reports the end at once, since the other side may never answer the close. */
  readonly #open = new Set<(error: Error) => void>();

  constructor({ url, params, webSocket }: SocketOptions) {
    let end: (end: End) => void = () => undefined;
    let open: () => void = () => undefined;
    this.over = new Promise((resolve) => {
      end = resolve;
    });
    this.ready = Promise.race([
      new Promise<void>((resolve) => {
        open = resolve;
      }),
      this.over.then(() => {
        throw new Disconnected();
      }),
    ]);
    this.ready.catch(() => undefined);
    this.#end = end;
    this.#client = createClient({
      url,
      connectionParams: { ...params },
      ...(webSocket === undefined ? {} : { webSocketImpl: webSocket }),
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
          open();
        },
        ping: (isReceived) => {
          if (!isReceived) this.#within(PONG_WITHIN_MS);
        },
        // Anything that is heard is a sign of life.
        message: () => this.#within(null),
        closed: (event) => this.#finish({ code: codeOf(event) }),
        error: () => undefined,
      },
    });
    this.#within(OPEN_WITHIN_MS);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** One answer. Rejects with a `RequestError`, or with `Disconnected`. */
  request<Data>(query: string, variables: Variables = {}): Promise<Data> {
    return new Promise((resolve, reject) => {
      let data: Data | undefined;
      this.subscribe<Data>(query, variables, {
        next: (value) => {
          data = value;
        },
        end: (error) => (data === undefined ? reject(error) : resolve(data)),
      });
    });
  }

  /** Many answers. An answer with errors ends it. */
  subscribe<Data>(query: string, variables: Variables, sink: Sink<Data>): () => void {
    let isDone = false;
    const end = (error: Error): void => {
      if (isDone) return;
      isDone = true;
      this.#open.delete(end);
      sink.end(error);
    };
    if (this.#isOver) {
      queueMicrotask(() => end(new Disconnected()));
      return () => undefined;
    }
    this.#open.add(end);
    const stop = this.#client.subscribe<Data>(
      { query, variables: { ...variables } },
      {
        next: ({ data, errors }) => {
          if (isDone) return;
          if (errors?.length) {
            end(errorOf(errors));
            stop();
          } else if (data) sink.next(data);
        },
        error: (errors) => end(errorOf(errors)),
        complete: () => end(new Disconnected()),
      },
    );
    return () => {
      isDone = true;
      this.#open.delete(end);
      stop();
    };
  }

  /** Asks for a sign of life: the machine may have slept, or the network may be another. */
  check(): void {
    if (this.#isOver || this.#deadline !== undefined) return;
    this.#raw?.send('{"type":"ping"}');
    this.#within(PONG_WITHIN_MS);
  }

  /** Ends it, as if the other side had. */
  cut(end: End = { code: END.terminated }): void {
    this.#finish(end);
  }

  #within(ms: number | null): void {
    clearTimeout(this.#deadline);
    this.#deadline = ms === null ? undefined : setTimeout(() => this.cut(), ms);
  }

  #finish(end: End): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#within(null);
    // Otherwise graphql-ws would come back by itself after a good end, with what it was asked first.
    Promise.resolve(this.#client.dispose()).catch(() => undefined);
    if (end.code !== END.stopped || !this.#isReady) this.#client.terminate();
    this.#end(end);
    for (const endOne of [...this.#open]) endOne(new Disconnected());
  }
}

const codeOf = (event: unknown): number => (event as { readonly code?: number } | null)?.code ?? END.lost;
