/** A bounded queue between a stream's channels and its iterator. */
import { type ServiceError, slowReader } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Gate, resumeNow } from './back-pressure.ts';
import { BoundedEvents } from './bounded-events.ts';
import type { Pausable } from './sessions/doubts.ts';
import type { LiveStream, Sink } from './stream.ts';

type Result<Event> = IteratorResult<Event, undefined>;

interface PendingRead<Event> {
  resolve(result: Result<Event>): void;
  reject(error: unknown): void;
}

/** The owner of a queue, which is notified of its end. */
export interface QueueOwner {
  /** The queue accepts no more events. Called once, before the reader is notified. */
  onQueueEnd(): void;
}

/** A replay may read its next page while no more events wait. */
const MOST_AHEAD = LIMITS.logPage / 2 - 1;

const itself = <Event>(event: Event): Event => event;

/** The reasons to pause a stream: the token may be revoked, or the right to subscribe may be withdrawn. */
export const PAUSED_FOR = { token: 1, right: 2 } as const;
export type PauseReason = (typeof PAUSED_FOR)[keyof typeof PAUSED_FOR];

/**
 * A sink that is also the stream read from it.
 *
 * When its reader falls too far behind, the stream ends with an error: the
 * reader resumes by position, and no other stream waits for it.
 */
export class EventQueue<Event extends object> implements Sink<Event>, LiveStream<Event>, Pausable {
  readonly #owner: QueueOwner;
  // Created with the first event that waits, since a piped queue is mostly empty.
  #events: BoundedEvents<Event> | null = null;
  #pendingReads: PendingRead<Event>[] | null = null;
  #gate: Gate | null = null;
  /** Cancels the wait for room at the sink. */
  #forget: (() => void) | null = null;
  #sink: Sink<Event> | null = null;
  #isRead = false;
  /** Bits of `PauseReason`. */
  #pausedFor = 0;
  #isEnded = false;
  #error: ServiceError | null = null;

  constructor(owner: QueueOwner) {
    this.#owner = owner;
  }

  push(event: Event): void {
    if (this.#isEnded) return;
    if (this.#sink && !this.#isPaused) return this.#sink.push(event);
    const next = this.#isPaused ? undefined : this.#pendingReads?.shift();
    if (next) return next.resolve({ done: false, value: event });
    this.#events ??= new BoundedEvents(itself);
    if (!this.#events.add(event)) this.end(slowReader());
  }

  withdraw(isWithdrawn: (event: Event) => boolean): void {
    this.#events?.withdraw(isWithdrawn);
    this.#sink?.withdraw(isWithdrawn);
    if (!this.isCongested()) this.#gate?.open();
  }

  end(error: ServiceError | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#owner.onQueueEnd();
    this.#forget?.();
    // A reader that resumes gets the queued events again.
    if (this.#isPaused) this.#take();
    this.#gate?.open();
    if (this.#sink) return this.#sink.end(error);
    this.#error = error;
    // A waiting reader has no queued events before the error, so it gets the error, once.
    for (const next of this.#pendingReads?.splice(0) ?? []) this.#finish(next);
  }

  isCongested(): boolean {
    if (this.#isEnded) return false;
    if (this.#sink && !this.#isPaused) return this.#sink.isCongested();
    // Without a reader, one waiting event is enough; the rest can stay in the log.
    return this.#events?.isLong(this.#isRead || this.#sink ? MOST_AHEAD : 0) === true;
  }

  onRoom(resume: () => void): () => void {
    if (!this.isCongested()) return resumeNow(resume);
    this.#gate ??= new Gate();
    const forget = this.#gate.add(resume);
    this.#waitAtSink();
    return forget;
  }

  pipe(sink: Sink<Event>): void {
    if (!this.#isPaused) for (const event of this.#take()) sink.push(event);
    if (this.#isEnded) return sink.end(this.#error);
    this.#sink = sink;
    // Waits for room in this queue become waits for room at the sink.
    if (this.#gate?.isWaitedFor) this.#waitAtSink();
  }

  next(): Promise<Result<Event>> {
    this.#isRead = true;
    const event = this.#isPaused ? undefined : this.#events?.take();
    if (!this.isCongested()) this.#gate?.open();
    if (event) return Promise.resolve({ done: false, value: event });
    return new Promise((resolve, reject) => {
      const next = { resolve, reject };
      if (this.#isEnded) this.#finish(next);
      else if (this.#pendingReads) this.#pendingReads.push(next);
      else this.#pendingReads = [next];
    });
  }

  return(): Promise<Result<Event>> {
    this.#events = null;
    this.end(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(): Promise<Result<Event>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  pause(reason: PauseReason = PAUSED_FOR.token): void {
    this.#pausedFor |= reason;
  }

  /** Events go on once no reason is left. */
  resume(reason: PauseReason = PAUSED_FOR.token): void {
    if (this.#isEnded) return;
    this.#pausedFor &= ~reason;
    if (this.#isPaused) return;
    // The list is taken first, since a call may push more events or end the queue.
    for (const event of this.#take()) this.push(event);
    if (!this.isCongested()) this.#gate?.open();
    else if (this.#gate?.isWaitedFor) this.#waitAtSink();
  }

  get #isPaused(): boolean {
    return this.#pausedFor !== 0;
  }

  #take(): Event[] {
    const events = this.#events;
    this.#events = null;
    return events?.takeAll() ?? [];
  }

  /** All waits here become one wait at the sink, which ends with this queue. */
  #waitAtSink(): void {
    if (this.#forget || !this.#sink || this.#isPaused) return;
    let isOver = false;
    const forget = this.#sink.onRoom(() => {
      isOver = true;
      this.#forget = null;
      this.#gate?.open();
    });
    if (!isOver) this.#forget = forget;
  }

  #finish(next: PendingRead<Event>): void {
    const error = this.#error;
    this.#error = null;
    if (error) next.reject(error);
    else next.resolve({ done: true, value: undefined });
  }
}
