/**
 * Requests, handshakes and frames that arrive together begin in several turns of the event loop, connection by
 * connection.
 *
 * A client may pipeline a thousand requests, open a hundred streams of HTTP/2, or write to a hundred sockets at the
 * same moment. Node reports them all in one turn, and the embedded engine answers within the call, so otherwise their
 * whole work would be one turn in which no other client is served (G10).
 */
import { LIMITS } from '../../limits.ts';

/** After this much work on arrivals the rest waits for the next turn. Real time, since it limits CPU use. */
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

  /** Begins one arrival. Its synchronous work is done before the next one begins. */
  #serve(): void {
    if (performance.now() >= this.#endsAt) return;
    this.#first()?.();
    // A tick requested in a microtask runs after all microtasks, and so after their work.
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

/** For requests and frames. One per process, since it has one event loop. */
export const arrivals = new ArrivalTurns(LIMITS.waitingArrivals);

/** Handshakes have separate turns, so that connected clients do not wait for a thousand newcomers. */
export const handshakes = new ArrivalTurns(LIMITS.waitingArrivals);
