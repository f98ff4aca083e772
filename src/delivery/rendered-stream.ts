/** A stream whose events are rendered for their readers: once for all who share a rendering. */
import { ServiceError, slowReader } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Gate, type Room, resumeNow } from './room.ts';
import type { LiveStream, Sink } from './stream.ts';

/** An event as JSON, ready to be put into a frame. */
export type Payload = Buffer;

/** The same event, rendered for whom it may be shared with, is the same payload. */
export type Render = (event: object) => Payload | Promise<Payload>;

/** Where the responses of a subscription go. Called in the order of the events. */
export interface Outlet extends Room {
  deliver(payload: Payload, event: object): void;
  /** Nothing follows. With an error when the subscription could not go on. */
  end(error: ServiceError | null): void;
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
  /** Null: it was called. */
  #release: (() => void) | null;
  #outlet: Outlet | null = null;
  /** What is waited for: while there is something, all that follows queues behind it. */
  #pending = 0;
  /** The events among it. */
  readonly #undelivered = new Set<object>();
  /** Bytes of those that are rendered and wait for one before them. */
  #pendingBytes = 0;
  #tail: Promise<void> | null = null;
  readonly #gate = new Gate();
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
    this.#gate.open();
    void this.#events.return();
    this.#over();
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
    this.#queue(rendered, event);
  }

  /** What is rendered for them may have been read after their reader lost access. */
  withdraw(isWithdrawn: (event: object) => boolean): void {
    for (const event of this.#undelivered) if (isWithdrawn(event)) this.#undelivered.delete(event);
  }

  end(error: ServiceError | null): void {
    this.#over();
    const end = (): void => {
      if (this.#isOpen) this.#outlet?.end(error);
    };
    if (this.#pending === 0) end();
    else this.#inOrder(async () => end());
  }

  isCongested(): boolean {
    return this.#isOpen && (this.#isBehind || this.#outlet?.isCongested() === true);
  }

  onRoom(resume: () => void): () => void {
    if (!this.#isOpen || !this.#outlet) return resumeNow(resume);
    return this.#isBehind ? this.#gate.add(resume) : this.#outlet.onRoom(resume);
  }

  /** Gives back what it was opened with, once, whether it was ever piped or not. */
  #over(): void {
    this.#release?.();
    this.#release = null;
  }

  get #isBehind(): boolean {
    return this.#pending > LIMITS.logPage || this.#pendingBytes > LIMITS.renderedBytes / 2;
  }

  /** Delivers an event behind those whose rendering is waited for. */
  #queue(rendered: Payload | Promise<Payload>, event: object): void {
    const counted = Promise.resolve(rendered).then((payload) => {
      this.#pendingBytes += payload.length;
      if (this.#pendingBytes > LIMITS.renderedBytes) this.#fail(slowReader());
      return payload;
    });
    this.#undelivered.add(event);
    // Told of in its turn, which may come later.
    counted.catch(() => undefined);
    this.#inOrder(async () => {
      const payload = await counted;
      this.#pendingBytes -= payload.length;
      if (this.#undelivered.delete(event) && this.#isOpen) this.#outlet?.deliver(payload, event);
    });
  }

  #inOrder(act: () => Promise<void>): void {
    this.#pending += 1;
    this.#tail = (this.#tail ?? Promise.resolve())
      .then(act)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#pending -= 1;
        if (!this.#isBehind) this.#gate.open();
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
