/** A stream whose events are rendered for their readers: once for all who share a rendering. */
import { ServiceError, slowReader } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { LiveStream, Sink } from './stream.ts';

/** An event as JSON, ready to be put into a frame. */
export type Payload = Buffer;

/** The same event, rendered for whom it may be shared with, is the same payload. */
export type Render = (event: object) => Payload | Promise<Payload>;

/** Where the responses of a subscription go. Called in the order of the events. */
export interface Outlet {
  deliver(payload: Payload, event: object): void;
  /** Nothing follows. With an error when the subscription could not go on. */
  end(error: ServiceError | null): void;
  /** Whether a replay should wait before it delivers more. */
  isCongested(): boolean;
  drained(): Promise<void>;
}

export interface Subscription {
  /** Begins to deliver, what waited meanwhile first. */
  pipe(outlet: Outlet): void;
  close(): void;
}

/** Renders events one after the other, and delivers them in order. */
export class RenderedStream implements Subscription, Sink<object> {
  readonly #events: LiveStream<object>;
  readonly #render: Render;
  readonly #release: () => void;
  #outlet: Outlet | null = null;
  /** Events whose rendering is waited for; while there are some, all that follow queue behind them. */
  #pending = 0;
  #tail: Promise<void> | null = null;
  #isOpen = true;

  constructor(events: LiveStream<object>, render: Render, release: () => void) {
    this.#events = events;
    this.#render = render;
    this.#release = release;
  }

  pipe(outlet: Outlet): void {
    this.#outlet = outlet;
    this.#events.pipe(this);
  }

  close(): void {
    this.#isOpen = false;
    void this.#events.return();
  }

  push(event: object): void {
    if (!this.#isOpen) return;
    let rendered: Payload | Promise<Payload>;
    try {
      rendered = this.#render(event);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#pending === 0 && Buffer.isBuffer(rendered)) return this.#outlet?.deliver(rendered, event);
    if (this.#pending >= LIMITS.queuedEvents) return this.#fail(slowReader());
    this.#inOrder(async () => {
      const payload = await rendered;
      if (this.#isOpen) this.#outlet?.deliver(payload, event);
    });
  }

  end(error: ServiceError | null): void {
    this.#release();
    const end = (): void => {
      if (this.#isOpen) this.#outlet?.end(error);
    };
    if (this.#pending === 0) end();
    else this.#inOrder(async () => end());
  }

  isCongested(): boolean {
    return this.#pending > LIMITS.logPage || this.#outlet?.isCongested() === true;
  }

  async drained(): Promise<void> {
    await this.#tail;
    await this.#outlet?.drained();
  }

  #inOrder(act: () => Promise<void>): void {
    this.#pending += 1;
    this.#tail = (this.#tail ?? Promise.resolve())
      .then(act)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#pending -= 1;
      });
  }

  /** Ends this subscription and no other: what a channel calls must not throw. */
  #fail(error: unknown): void {
    if (!this.#isOpen) return;
    this.close();
    const isKnown = error instanceof ServiceError;
    this.#outlet?.end(
      isKnown ? error : new ServiceError('INTERNAL_SERVER_ERROR', 'The stream failed.', { cause: error }),
    );
  }
}
