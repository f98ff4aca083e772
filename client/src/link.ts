/** One connection to the API, from its opening to its end. A reconnect is a new link. */
import { type End, LOST } from './closes.ts';
import { Disconnected, errorOf } from './errors.ts';

export type Variables = Readonly<Record<string, unknown>>;

export interface Sink<Data> {
  next(data: Data): void;
  /** The operation ended: by an error, normally, or with the connection. */
  end(error: Error): void;
}

/** One answer. */
export interface Answer<Data> {
  readonly data?: Data | null | undefined;
  readonly errors?: readonly unknown[] | undefined;
}

/** An operation as the transport reports it. */
export interface Carried<Data> {
  next(answer: Answer<Data>): void;
  /** `errors`: a list of GraphQL errors, or any other value when the operation was interrupted. */
  error(errors: unknown): void;
  complete(): void;
}

export abstract class Link {
  /** Resolves once the service has accepted the token; rejects when the connection ends before. */
  declare readonly ready: Promise<void>;
  declare readonly over: Promise<End>;
  /** Whether it is HTTP: each subscription is an open response, and its token cannot be replaced. */
  abstract readonly isHttp: boolean;
  protected opened: () => void = () => undefined;
  #ended: (end: End) => void = () => undefined;
  isOver = false;
  /** Callbacks of open operations. They are called at once at the end, since the peer may never answer the close. */
  readonly #open = new Set<(error: Error) => void>();

  constructor() {
    this.over = new Promise((resolve) => {
      this.#ended = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      this.opened = resolve;
      void this.over.then(() => reject(new Disconnected()));
    });
    this.ready.catch(() => undefined);
  }

  /** Checks that the connection is alive: the machine may have slept, or the network may have changed. */
  abstract check(): void;

  /** Requests one answer. Rejects with a `RequestError`, or with `Disconnected`. */
  abstract request<Data>(query: string, variables?: Variables): Promise<Data>;

  protected abstract carry<Data>(query: string, variables: Variables, sink: Carried<Data>): () => void;

  protected abstract release(end: End): void;

  /** Subscribes. An answer with errors ends the subscription. */
  subscribe<Data>(query: string, variables: Variables, sink: Sink<Data>): () => void {
    let isDone = false;
    const end = (error: Error): void => {
      if (isDone) return;
      isDone = true;
      this.#open.delete(end);
      sink.end(error);
    };
    if (this.isOver) {
      queueMicrotask(() => end(new Disconnected()));
      return () => undefined;
    }
    this.#open.add(end);
    const stop = this.carry<Data>(query, variables, {
      next: ({ data, errors }) => {
        if (isDone) return;
        if (errors?.length) {
          end(errorOf(errors));
          stop();
        } else if (data) sink.next(data);
      },
      error: (errors) => end(errorOf(errors)),
      complete: () => end(new Disconnected()),
    });
    return () => {
      isDone = true;
      this.#open.delete(end);
      stop();
    };
  }

  /** Ends the link as if the peer had closed it. */
  cut(end: End = { code: LOST }): void {
    if (this.isOver) return;
    this.isOver = true;
    this.release(end);
    this.#ended(end);
    for (const endOne of this.#open) endOne(new Disconnected());
  }
}
