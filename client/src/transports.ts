/** Chooses the transport of the next connection: sockets, unless they do not open here and HTTP works. */
export type Transport = 'websocket' | 'sse';

/** Failed sockets before HTTP is tried; one failure may be a restart. */
const FAILURES = 2;

export class Transports {
  readonly #given: Transport | 'auto';
  #failures = 0;
  #hadSocket = false;

  constructor(given: Transport | 'auto' = 'auto') {
    this.#given = given;
  }

  /**
   * After two failed sockets every third attempt uses HTTP; never once a socket has opened, since sockets cost less.
   */
  get next(): Transport {
    if (this.#given !== 'auto') return this.#given;
    return !this.#hadSocket && this.#failures % (FAILURES + 1) === FAILURES ? 'sse' : 'websocket';
  }

  /** `isOpened`: the link was ready. `isSaid`: the service gave the reason of the end. */
  ended(transport: Transport, isOpened: boolean, isSaid: boolean): void {
    if (!isOpened && !isSaid) this.#failures += 1;
    else if (transport === 'websocket') this.#hadSocket = true;
    // After the end of its token HTTP continues; after any other end a socket is tried once.
    else if (!isSaid) this.#failures = FAILURES - 1;
  }

  /** The network may have changed. */
  forget(): void {
    this.#hadSocket = false;
    this.#failures = 0;
  }
}
