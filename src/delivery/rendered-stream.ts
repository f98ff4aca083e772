/** A stream whose events are rendered for their readers, once for all streams that share a rendering. */
import type { Clock } from '../clock.ts';
import { ServiceError, slowReader } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { type BackPressure, Gate, ownTurn, resumeNow } from './back-pressure.ts';
import { BoundedEvents } from './bounded-events.ts';
import type { LiveStream, Sink } from './stream.ts';

/** An event as JSON, ready to be put into a frame. */
export type Payload = Buffer;

/** Renders the events of one stream. */
export interface Renderer {
  /** The same event in the same shape returns the same payload object. */
  render(event: object): Payload | Promise<Payload>;
  /** The stream has ended. Called once. */
  release(): void;
}

/** The destination of a subscription's responses. Called in the order of the events. */
export interface Outlet extends BackPressure {
  deliver(payload: Payload, event: object): void;
  /** Ends the subscription, with an error when it could not continue. */
  end(error: ServiceError | null): void;
}

interface WaitingEvent {
  readonly event: object;
  /** When it arrived, by the clock's `elapsed`. */
  readonly since: number;
}

/** The id of an event, from which its reader can resume; null: the event has none. */
export type IdOf = (event: object) => string | null;

export interface Subscription {
  /** Null: its events have no ids. */
  readonly idOf: IdOf | null;
  /** Begins to deliver, waiting events first. */
  pipe(outlet: Outlet): void;
  close(): void;
}

/**
 * Renders events one after the other, and delivers them in order.
 *
 * An event that is rendered synchronously is delivered now. While a rendering is
 * pending, later events wait unrendered: a stream has one rendering at a time.
 */
export class RenderedStream implements Subscription, Sink<object> {
  readonly #events: LiveStream<object>;
  /** Null: it was released. */
  #renderer: Renderer | null;
  readonly #clock: Clock;
  readonly idOf: IdOf | null;
  #outlet: Outlet | null = null;
  /** The event that is being rendered. All later ones wait for it. */
  #current: WaitingEvent | null = null;
  #isWithdrawn = false;
  #waiting: BoundedEvents<WaitingEvent, object> | null = null;
  /** The end of the stream, sent after all waiting events. */
  #ending: { readonly error: ServiceError | null } | null = null;
  /** Cancels the timer of `#watch`. */
  #stopWatching: (() => void) | null = null;
  #gate: Gate | null = null;
  #isOpen = true;

  constructor(events: LiveStream<object>, renderer: Renderer, clock: Clock, idOf: IdOf | null = null) {
    this.#events = events;
    this.#renderer = renderer;
    this.#clock = clock;
    this.idOf = idOf;
  }

  pipe(outlet: Outlet): void {
    this.#outlet = outlet;
    this.#events.pipe(this);
  }

  close(): void {
    this.#isOpen = false;
    this.#waiting = null;
    this.#unwatch();
    this.#gate?.open();
    void this.#events.return();
    this.#over();
  }

  push(event: object): void {
    if (!this.#isOpen) return;
    if (this.#current) return this.#wait(event);
    if (!this.#renderer) return;
    try {
      const rendered = this.#renderer.render(event);
      if (Buffer.isBuffer(rendered)) this.#outlet?.deliver(rendered, event);
      else void this.#deliverLater({ event, since: this.#clock.elapsed() }, rendered);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Drops events whose reader lost access, since their rendering may have read newer data. */
  withdraw(isWithdrawn: (event: object) => boolean): void {
    this.#waiting?.withdraw(isWithdrawn);
    if (this.#current && isWithdrawn(this.#current.event)) this.#isWithdrawn = true;
  }

  end(error: ServiceError | null): void {
    this.#ending = { error };
    if (!this.#current) this.#tellEnd();
  }

  isCongested(): boolean {
    return this.#isOpen && (this.#isBehind || this.#outlet?.isCongested() === true);
  }

  onRoom(resume: () => void): () => void {
    if (!this.#isOpen || !this.#outlet) return resumeNow(resume);
    if (!this.#isBehind) return this.#outlet.onRoom(resume);
    this.#gate ??= new Gate();
    return this.#gate.add(resume);
  }

  /** Releases the resources of the stream, once, also when it was never piped. */
  #over(): void {
    const renderer = this.#renderer;
    this.#renderer = null;
    renderer?.release();
  }

  #tellEnd(): void {
    if (!this.#ending) return;
    this.#over();
    if (this.#isOpen) this.#outlet?.end(this.#ending.error);
  }

  get #isBehind(): boolean {
    return this.#waiting?.isLong(LIMITS.logPage) === true;
  }

  #wait(event: object): void {
    this.#waiting ??= new BoundedEvents(({ event }) => event);
    if (!this.#waiting.add({ event, since: this.#clock.elapsed() })) this.#fail(slowReader());
  }

  /** Delivers an event whose rendering is pending, then those that arrive meanwhile. */
  async #deliverLater(first: WaitingEvent, firstRendered: Promise<Payload>): Promise<void> {
    let rendered: Payload | Promise<Payload> = firstRendered;
    this.#current = first;
    this.#watch();
    try {
      for (;;) {
        const payload = await rendered;
        if (!this.#isOpen) return;
        if (!this.#isWithdrawn) this.#outlet?.deliver(payload, this.#current.event);
        const next = this.#takeNext();
        if (!next) break;
        await ownTurn();
        if (!this.#renderer) return;
        rendered = this.#renderer.render(next.event);
      }
      this.#unwatch();
      this.#tellEnd();
    } catch (error) {
      this.#fail(error);
    }
  }

  #takeNext(): WaitingEvent | null {
    this.#isWithdrawn = false;
    this.#current = this.#waiting?.take() ?? null;
    if (!this.#current) this.#waiting = null;
    if (!this.#isBehind) this.#gate?.open();
    return this.#current;
  }

  /** Ends the stream when an event waits too long to be rendered. */
  #watch(): void {
    if (!this.#current) return;
    const leftMs = this.#current.since + TIMES.renderWaitMs - this.#clock.elapsed();
    if (leftMs <= 0) return this.#fail(slowReader());
    this.#stopWatching = this.#clock.after(leftMs, () => this.#watch());
  }

  #unwatch(): void {
    this.#stopWatching?.();
    this.#stopWatching = null;
  }

  /** Ends this subscription only: calls of a channel must not throw. */
  #fail(error: unknown): void {
    if (!this.#isOpen) return;
    this.close();
    const isKnown = error instanceof ServiceError;
    this.#outlet?.end(
      isKnown ? error : new ServiceError('INTERNAL_SERVER_ERROR', 'The stream failed.', { cause: error }),
    );
  }
}
