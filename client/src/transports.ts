/** Which transport the next connection takes: sockets, unless they do not open here where HTTP works. */
export type Transport = 'websocket' | 'sse';

/** One that did not open may have met a restart. */
const FAILURES = 2;

export class Transports {
  readonly #fixed: Transport | undefined;
  #failures = 0;
  #hadSocket = false;

  constructor(given: Transport | 'auto' = 'auto') {
    this.#fixed = given === 'auto' ? undefined : given;
  }

  /** After two sockets that did not open every third try is by HTTP; never where a socket did open, since sockets cost less. */
  get next(): Transport {
    return this.#fixed ?? (!this.#hadSocket && this.#failures % (FAILURES + 1) === FAILURES ? 'sse' : 'websocket');
  }

  /** `isOpened`: it was ready. `isSaid`: the service itself said why it ended. */
  ended(transport: Transport, isOpened: boolean, isSaid: boolean): void {
    if (!isOpened && !isSaid) this.#failures += 1;
    else if (transport === 'websocket') this.#hadSocket = true;
    // One whose token ended goes on by HTTP; after any other end a socket is tried once.
    else if (!isSaid) this.#failures = FAILURES - 1;
  }

  /** The network may be another. */
  forget(): void {
    this.#hadSocket = false;
    this.#failures = 0;
  }
}
