/** A bounded queue between a stream's channels and whoever iterates it. */
import { type ServiceError, slowReader } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { LiveStream, Sink } from './stream.ts';

type Result<Event> = IteratorResult<Event, undefined>;

interface Waiting<Event> {
  resolve(result: Result<Event>): void;
  reject(error: unknown): void;
}

/** Below this many waiting events a replay may read its next page. */
const LOW_WATER = LIMITS.logPage / 2;

/**
 * A sink that is also the stream read from it.
 *
 * When its reader falls too far behind, the stream ends with an error: the
 * reader resumes by position, and nobody else waits for it.
 */
export class EventQueue<Event extends object> implements Sink<Event>, LiveStream<Event> {
  readonly channels: ReadonlySet<string>;
  readonly #close: () => void;
  #events: Event[] = [];
  #waiting: Waiting<Event>[] = [];
  #drained: (() => void)[] = [];
  #sink: Sink<Event> | null = null;
  #isRead = false;
  #isEnded = false;
  #error: ServiceError | null = null;

  constructor(channels: ReadonlySet<string>, close: () => void) {
    this.channels = channels;
    this.#close = close;
  }

  push(event: Event): void {
    if (this.#isEnded) return;
    if (this.#sink) return this.#sink.push(event);
    const next = this.#waiting.shift();
    if (next) return next.resolve({ done: false, value: event });
    this.#events.push(event);
    if (this.#events.length > LIMITS.queuedEvents) this.end(slowReader());
  }

  end(error: ServiceError | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#close();
    for (const drained of this.#drained.splice(0)) drained();
    if (this.#sink) return this.#sink.end(error);
    this.#error = error;
    // Whoever waits has nothing queued before them, so the error is theirs; it is told once.
    for (const next of this.#waiting.splice(0)) this.#finish(next);
  }

  isCongested(): boolean {
    if (this.#sink) return this.#sink.isCongested();
    // Before anyone reads, one event shows that there is something; the rest can wait in the log.
    return this.#events.length >= (this.#isRead ? LOW_WATER : 1);
  }

  drained(): Promise<void> {
    if (this.#sink) return this.#sink.drained();
    if (this.#isEnded || !this.isCongested()) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  pipe(sink: Sink<Event>): void {
    for (const event of this.#events.splice(0)) sink.push(event);
    if (this.#isEnded) return sink.end(this.#error);
    this.#sink = sink;
    // Who waited for room in this queue waits for room behind it now.
    for (const drained of this.#drained.splice(0)) void sink.drained().then(drained);
  }

  next(): Promise<Result<Event>> {
    this.#isRead = true;
    const event = this.#events.shift();
    if (this.#events.length < LOW_WATER) for (const drained of this.#drained.splice(0)) drained();
    if (event) return Promise.resolve({ done: false, value: event });
    return new Promise((resolve, reject) => {
      const next = { resolve, reject };
      if (this.#isEnded) this.#finish(next);
      else this.#waiting.push(next);
    });
  }

  return(): Promise<Result<Event>> {
    this.#events = [];
    this.end(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(): Promise<Result<Event>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(next: Waiting<Event>): void {
    const error = this.#error;
    this.#error = null;
    if (error) next.reject(error);
    else next.resolve({ done: true, value: undefined });
  }
}
