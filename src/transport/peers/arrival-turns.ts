/**
 * What arrives together begins in turns of the event loop, connection by connection: requests, handshakes and frames.
 *
 * A client may pipeline a thousand requests, open a hundred streams of HTTP/2, or write to a hundred sockets at the same
 * moment. Node reports them all at once, and an engine in this process answers at once: without this their whole
 * work would be one turn, in which nobody else is served (G10).
 */
import { LIMITS } from '../../limits.ts';

/** After so much work on arrivals the rest of them waits for the next turn. By real time: it is the processor's. */
const TURN_MS = 10;

type Begin = () => void;

export class ArrivalTurns {
  readonly #most: number;
  /** By connection. The first in the map is the next one. */
  readonly #waiting = new Map<object, Begin[]>();
  #size = 0;
  #isCounting = false;
  #endsAt = 0;
  /** One has begun, and what it does until it waits is not done yet. */
  #hasBegun = false;

  /** `most`: how many may wait. Past it a connection has no more than its share, and one at least. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Calls `begin` now, or in a later turn. False: too much waits, and most of it for this connection. */
  enter(connection: object, begin: Begin): boolean {
    if (!this.#mayBegin()) return this.#wait(connection, begin);
    begin();
    return true;
  }

  /** Null: the connection, for which nothing else waits, may go on now. Otherwise resolves when it may. */
  next(connection: object): Promise<void> | null {
    return this.#mayBegin() ? null : new Promise((resolve) => void this.#wait(connection, resolve));
  }

  #mayBegin(): boolean {
    if (!this.#isCounting) this.#count();
    if (this.#size > 0 || this.#hasBegun || performance.now() >= this.#endsAt) return false;
    this.#hasBegun = true;
    process.nextTick(() => (this.#hasBegun = false));
    return true;
  }

  #wait(connection: object, begin: Begin): boolean {
    const waiting = this.#waiting.get(connection);
    if (!waiting) this.#waiting.set(connection, [begin]);
    else if (this.#size < this.#most || waiting.length < this.#most / this.#waiting.size) waiting.push(begin);
    else return false;
    this.#size += 1;
    return true;
  }

  #count(hasServed = false): void {
    this.#isCounting = true;
    this.#endsAt = performance.now() + TURN_MS;
    setImmediate(() => {
      this.#isCounting = false;
      if (this.#size === 0) return;
      // Before those that wait, the others are served: what began at once may have used up the turn.
      const isUsedUp = !hasServed && performance.now() >= this.#endsAt;
      this.#count(true);
      if (!isUsedUp) this.#serve();
    });
  }

  /** Begins one. What it does until it waits is done before the next one begins. */
  #serve(): void {
    if (performance.now() >= this.#endsAt) return;
    this.#first()?.();
    // A tick that a microtask asks for comes after all microtasks, and so after the work that they do.
    if (this.#size > 0) queueMicrotask(() => process.nextTick(() => this.#serve()));
  }

  #first(): Begin | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const [connection, waiting] = first;
    const begin = waiting.shift();
    this.#size -= 1;
    this.#waiting.delete(connection);
    if (waiting.length > 0) this.#waiting.set(connection, waiting);
    return begin;
  }
}

/** Requests and frames. Of this process: it has one event loop. */
export const arrivals = new ArrivalTurns(LIMITS.waitingArrivals);

/** Handshakes have turns of their own: clients that are there do not wait for a thousand that come. */
export const handshakes = new ArrivalTurns(LIMITS.waitingArrivals);
