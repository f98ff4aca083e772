/**
 * What arrives together begins in turns of the event loop, connection by connection: requests, handshakes and frames.
 *
 * A client may pipeline a thousand requests, open a hundred streams of HTTP/2, or write to a hundred sockets at the same
 * moment. Node reports them all at once, and an engine in this process answers at once: without this their whole
 * work would be one turn, in which nobody else is served (G10).
 */

/** After so much work on arrivals the rest of them waits for the next turn. By real time: it is the processor's. */
const TURN_MS = 10;
/** Arrivals that begin in a row, before the work on the first of them shows how long it takes. */
const IN_A_ROW = 4;

type Begin = () => void;

export class ArrivalTurns {
  /** By connection. The first in the map is the next one. */
  readonly #waiting = new Map<object, Begin[]>();
  #isCounting = false;
  #endsAt = 0;
  #inARow = 0;

  /** Calls `begin` now, or in a later turn. */
  enter(connection: object, begin: Begin): void {
    if (this.#mayBegin()) begin();
    else this.#wait(connection, begin);
  }

  /** Null: the connection may go on now. Otherwise resolves when it may. */
  next(connection: object): Promise<void> | null {
    return this.#mayBegin() ? null : new Promise((resolve) => this.#wait(connection, resolve));
  }

  #mayBegin(): boolean {
    this.#count();
    if (this.#waiting.size > 0 || this.#inARow >= IN_A_ROW || performance.now() >= this.#endsAt) return false;
    this.#inARow += 1;
    if (this.#inARow === 1) process.nextTick(() => (this.#inARow = 0));
    return true;
  }

  #wait(connection: object, begin: Begin): void {
    const waiting = this.#waiting.get(connection);
    if (waiting) waiting.push(begin);
    else this.#waiting.set(connection, [begin]);
  }

  #count(): void {
    if (this.#isCounting) return;
    this.#isCounting = true;
    this.#endsAt = performance.now() + TURN_MS;
    setImmediate(() => {
      this.#isCounting = false;
      if (this.#waiting.size === 0) return;
      this.#count();
      this.#serve();
    });
  }

  /** Begins one. What it does until it waits is done before the next one begins. */
  #serve(): void {
    if (performance.now() >= this.#endsAt) return;
    this.#first()?.();
    // A tick that a microtask asks for comes after all microtasks, and so after the work that they do.
    if (this.#waiting.size > 0) queueMicrotask(() => process.nextTick(() => this.#serve()));
  }

  #first(): Begin | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const [connection, waiting] = first;
    const begin = waiting.shift();
    this.#waiting.delete(connection);
    if (waiting.length > 0) this.#waiting.set(connection, waiting);
    return begin;
  }
}

/** Requests and frames. Of this process: it has one event loop. */
export const arrivals = new ArrivalTurns();

/** Handshakes have turns of their own: clients that are there do not wait for a thousand that come. */
export const handshakes = new ArrivalTurns();
