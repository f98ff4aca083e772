/**
 * The sum of all bytes from peers that this process has not finished handling: incomplete bodies and messages,
 * queued frames, and bytes that wait until their sender is known.
 *
 * Each peer has its own cap; this is the cap of the sum, however many peers there are (G10). Past it the peers with the
 * most waiting bytes are refused, so that small senders stay.
 */

import { LIMITS } from '../../limits.ts';

/** The share of the cap that is left after refusals. */
const RELIEVED = 0.7;
/** A multiple of the cap. Past it small senders are refused, too. */
const SMALL_SHARE = 2;

/** A peer that sends bytes. */
export interface ByteSource {
  /** Releases the waiting bytes. */
  turnAway(): void;
}

export class UnhandledBytes {
  readonly #most: number;
  /** Peers with bytes; the oldest first. */
  readonly #peers = new Set<PeerBytes>();
  #bytes = 0;
  /** The bytes that are being handled. */
  #inHand = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whether handling of so many more bytes may begin. Bytes being handled cannot be released; large senders leave room
   * for small ones.
   */
  hasRoomFor(bytes: number): boolean {
    const most = bytes <= LIMITS.smallBytes ? this.#most * SMALL_SHARE : this.#most;
    return this.#inHand + bytes <= most;
  }

  of(source: ByteSource): PeerBytes {
    return new PeerBytes(source, this);
  }

  /** Counts more bytes of one peer that wait or are being handled. */
  change(peer: PeerBytes, waiting: number, inHand: number): void {
    this.#bytes += waiting + inHand;
    this.#inHand += inHand;
    if (peer.bytes === 0) return void this.#peers.delete(peer);
    this.#peers.add(peer);
    if (waiting + inHand > 0 && this.#bytes > this.#most) this.#relieve();
  }

  /** Runs at once, since a turn of the event loop may bring more than memory can hold. */
  #relieve(): void {
    let bytes = this.#bytes;
    const spared = bytes > this.#most * SMALL_SHARE ? 0 : LIMITS.smallBytes;
    const waiting = [...this.#peers].filter((peer) => peer.waiting > spared).sort(byRank);
    for (const peer of waiting) {
      if (bytes <= this.#most * RELIEVED) return;
      bytes -= peer.waiting;
      peer.source.turnAway();
    }
  }
}

/** Most bytes first, and peers that carry many users last. */
const byRank = (one: PeerBytes, other: PeerBytes): number =>
  Number(one.isOfMany) - Number(other.isOfMany) || other.waiting - one.waiting;

/** The bytes of one peer. */
export class PeerBytes {
  readonly source: ByteSource;
  readonly #unhandled: UnhandledBytes;
  /** Whether the peer is a gateway, which carries many users. */
  isOfMany = false;
  #waiting = 0;
  #inHand = 0;

  constructor(source: ByteSource, unhandled: UnhandledBytes) {
    this.source = source;
    this.#unhandled = unhandled;
  }

  get bytes(): number {
    return this.#waiting + this.#inHand;
  }

  /** Bytes that are released when the peer is refused. */
  get waiting(): number {
    return this.#waiting;
  }

  /** `inHand`: bytes being handled, which stay in memory until that is over. */
  update(waiting: number, inHand: number): void {
    const [more, moreInHand] = [waiting - this.#waiting, inHand - this.#inHand];
    if (more === 0 && moreInHand === 0) return;
    this.#waiting = waiting;
    this.#inHand = inHand;
    this.#unhandled.change(this, more, moreInHand);
  }
}
