/**
 * Events that wait for the rendering of an earlier event. Streams share the objects, so each stream holds little
 * memory.
 */
import { LIMITS } from '../limits.ts';
import { sizeOf } from './event-queue.ts';

export interface WaitingEvent {
  readonly event: object;
  /** When it arrived, by the clock's `elapsed`. */
  readonly since: number;
}

export class WaitingEvents {
  #events: WaitingEvent[] = [];
  #bytes = 0;

  /** Whether a replay should wait. */
  get isLong(): boolean {
    return this.#events.length > LIMITS.logPage || this.#bytes > LIMITS.queuedEventBytes / 2;
  }

  /** False when there are too many now. */
  add(waiting: WaitingEvent): boolean {
    this.#events.push(waiting);
    this.#bytes += sizeOf(waiting.event);
    return this.#events.length <= LIMITS.queuedEvents && this.#bytes <= LIMITS.queuedEventBytes;
  }

  take(): WaitingEvent | undefined {
    const next = this.#events.shift();
    if (next) this.#bytes -= sizeOf(next.event);
    return next;
  }

  withdraw(isWithdrawn: (event: object) => boolean): void {
    const all = this.#events;
    this.clear();
    for (const waiting of all) if (!isWithdrawn(waiting.event)) this.add(waiting);
  }

  clear(): void {
    this.#events = [];
    this.#bytes = 0;
  }
}
