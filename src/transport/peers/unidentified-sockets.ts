/** Sockets whose user is not known yet. The oldest is closed first when room is needed. */
import { CLOSE_CODES } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';

/** A socket that can be closed to make room. */
export interface Closable {
  close(code: number, reason: string): void;
  cut(): void;
}

export class UnidentifiedSockets {
  readonly #sockets = new Set<Closable>();
  readonly #most: number;
  readonly #countSentAway: () => void;

  constructor(maxConnections: number, countSentAway: () => void) {
    this.#most = Math.max(Math.floor(maxConnections * LIMITS.strangersShare), 1);
    this.#countSentAway = countSentAway;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Adds a socket; closes the oldest when there are more than their share. */
  add(socket: Closable): void {
    if (this.#sockets.size >= this.#most) this.sendOldestAway();
    this.#sockets.add(socket);
  }

  remove(socket: Closable): void {
    this.#sockets.delete(socket);
  }

  /** An honest client identifies itself at once, so the oldest is the least likely to be honest. */
  sendOldestAway(): void {
    const [oldest] = this.#sockets;
    if (!oldest) return;
    this.#sockets.delete(oldest);
    this.#countSentAway();
    oldest.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Over capacity');
    // Its capacity is needed now, not when the peer has answered the close.
    oldest.cut();
  }
}
