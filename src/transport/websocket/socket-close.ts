/** How one socket ends: the code and reason of its close, and whether the peer has read all that came before. Made when the close begins. */
import { LIMITS } from '../../limits.ts';
import type { PeerSocket } from './peer-socket.ts';

/**
 * Codes by which a peer says that it has read everything (RFC 6455 section 7.4.1): done, going away, and no code.
 * Every other code reports a fault, such as a frame that its library refused.
 */
const READ_ALL: ReadonlySet<number> = new Set([1000, 1001, 1005]);

/** Of a connection that ended without a close frame (RFC 6455 section 7.1.5). */
const ABNORMAL = 1006;

/** A close reason is at most 123 bytes (RFC 6455 section 5.5). */
const REASON_BYTES = 123;

export interface ClosedWith {
  readonly code: number;
  readonly reason: string;
}

export class SocketClose {
  /** What we closed with, or what the peer closed with first. */
  #closedWith: ClosedWith | null = null;
  /** The code given to ws for closing; a peer that never answers does not echo it. */
  #given: number | undefined = undefined;
  #wasClean = false;
  #ignored = 0;

  /** Whether a peer that closes with this code has read everything; a fault is answered by last words. */
  static isOfReader(code: number): boolean {
    return READ_ALL.has(code);
  }

  /** Begins our close. Returns the reason as it fits into the frame. */
  begin(code: number, reason: string): string {
    let text = reason;
    while (Buffer.byteLength(text) > REASON_BYTES) text = text.slice(0, -1);
    this.#closedWith = { code, reason: text };
    return text;
  }

  /** ws begins to close with this code, for us or in answer to the peer. */
  onLibraryClose(code: number | undefined): void {
    this.#given ??= code;
  }

  /** The socket is closed. */
  end(code: number, reason: string): void {
    // A peer that repeats our code has read all that came before it.
    this.#wasClean = READ_ALL.has(code) || code === this.#closedWith?.code;
    this.#closedWith ??= { code: code === ABNORMAL ? (this.#given ?? code) : code, reason };
  }

  /** A frame came after our close frame. After a thousand of them the peer is no longer read, and is cut off at the deadline. */
  ignoreFrame(socket: PeerSocket): void {
    this.#ignored += 1;
    if (this.#ignored === LIMITS.queuedFrames) socket.pause();
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }

  get closedWith(): ClosedWith {
    return this.#closedWith ?? { code: ABNORMAL, reason: '' };
  }
}
