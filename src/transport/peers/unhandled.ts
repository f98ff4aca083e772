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

export class Unhandled {
  readonly #most: number;
  /** Parcels that hold bytes; the oldest first. */
  readonly #parcels = new Set<Parcel>();
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

  parcel(source: ByteSource): Parcel {
    return new Parcel(source, this);
  }

  /** Counts more bytes of one peer that wait or are being handled. */
  change(parcel: Parcel, waiting: number, inHand: number): void {
    this.#bytes += waiting + inHand;
    this.#inHand += inHand;
    if (parcel.bytes === 0) return void this.#parcels.delete(parcel);
    this.#parcels.add(parcel);
    if (waiting + inHand > 0 && this.#bytes > this.#most) this.#relieve();
  }

  /** Runs at once, since a turn of the event loop may bring more than memory can hold. */
  #relieve(): void {
    let bytes = this.#bytes;
    const spared = bytes > this.#most * SMALL_SHARE ? 0 : LIMITS.smallBytes;
    const waiting = [...this.#parcels].filter((parcel) => parcel.waiting > spared).sort(byRank);
    for (const parcel of waiting) {
      if (bytes <= this.#most * RELIEVED) return;
      bytes -= parcel.waiting;
      parcel.source.turnAway();
    }
  }
}

/** Largest holders first, and peers that carry many users last. */
const byRank = (one: Parcel, other: Parcel): number =>
  Number(one.isOfMany) - Number(other.isOfMany) || other.waiting - one.waiting;

/** The bytes of one peer. */
export class Parcel {
  readonly source: ByteSource;
  readonly #unhandled: Unhandled;
  /** Whether the peer is a gateway, which carries many users. */
  isOfMany = false;
  #waiting = 0;
  #inHand = 0;

  constructor(source: ByteSource, unhandled: Unhandled) {
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

  /** `inHand`: bytes being handled, which are held until that is over. */
  update(waiting: number, inHand: number): void {
    const [more, moreInHand] = [waiting - this.#waiting, inHand - this.#inHand];
    if (more === 0 && moreInHand === 0) return;
    this.#waiting = waiting;
    this.#inHand = inHand;
    this.#unhandled.change(this, more, moreInHand);
  }
}
