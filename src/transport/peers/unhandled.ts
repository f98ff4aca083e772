/**
 * The sum of all bytes from peers that this process is not done with: bodies and messages that have not come in full,
 * frames that wait, and what waits until it is known who sent it.
 *
 * Each peer has a cap of its own; this is the cap of their sum, however many there are (G10). Past it those of whom
 * most waits are turned away, so that whoever sends little keeps their place.
 */

import { LIMITS } from '../../limits.ts';

/** Of the cap: what is left when some were turned away. */
const RELIEVED = 0.7;
/** Times the cap: past this those who sent little are turned away, too. */
const SMALL_SHARE = 2;

export class Unhandled {
  readonly #most: number;
  /** Of those that hold something; the oldest first. */
  readonly #parcels = new Set<Parcel>();
  #bytes = 0;
  /** Of those bytes, what is being handled. */
  #inHand = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whether so many bytes more may be begun with, beside what is being handled: nothing lets go of that. Those who send
   * much leave room for those who send little.
   */
  hasRoomFor(bytes: number): boolean {
    const most = bytes <= LIMITS.smallBytes ? this.#most * SMALL_SHARE : this.#most;
    return this.#inHand + bytes <= most;
  }

  /** For one peer. `turnAway` lets go of what waits. */
  parcel(turnAway: () => void): Parcel {
    return new Parcel(turnAway, (parcel, waiting, inHand) => this.#change(parcel, waiting, inHand));
  }

  #change(parcel: Parcel, waiting: number, inHand: number): void {
    this.#bytes += waiting + inHand;
    this.#inHand += inHand;
    if (parcel.bytes === 0) return void this.#parcels.delete(parcel);
    this.#parcels.add(parcel);
    if (waiting + inHand > 0 && this.#bytes > this.#most) this.#relieve();
  }

  /** At once: a turn of the event loop brings more than memory has room for. */
  #relieve(): void {
    let bytes = this.#bytes;
    const spared = bytes > this.#most * SMALL_SHARE ? 0 : LIMITS.smallBytes;
    const waiting = [...this.#parcels].filter((parcel) => parcel.waiting > spared).sort(byRank);
    for (const parcel of waiting) {
      if (bytes <= this.#most * RELIEVED) return;
      bytes -= parcel.waiting;
      parcel.turnAway();
    }
  }
}

/** Those that hold most come first, and those that speak for many last. */
const byRank = (one: Parcel, other: Parcel): number =>
  Number(one.isOfMany) - Number(other.isOfMany) || other.waiting - one.waiting;

/** What one peer sent. */
export class Parcel {
  readonly turnAway: () => void;
  readonly #onChange: (parcel: Parcel, waiting: number, inHand: number) => void;
  /** It is a gateway's. */
  isOfMany = false;
  #waiting = 0;
  #inHand = 0;

  constructor(turnAway: () => void, onChange: (parcel: Parcel, waiting: number, inHand: number) => void) {
    this.turnAway = turnAway;
    this.#onChange = onChange;
  }

  get bytes(): number {
    return this.#waiting + this.#inHand;
  }

  /** Bytes that are let go when the peer is turned away. */
  get waiting(): number {
    return this.#waiting;
  }

  /** `inHand`: bytes of what is being handled, which are held until that is over. */
  update(waiting: number, inHand: number): void {
    const [more, moreInHand] = [waiting - this.#waiting, inHand - this.#inHand];
    if (more === 0 && moreInHand === 0) return;
    this.#waiting = waiting;
    this.#inHand = inHand;
    this.#onChange(this, more, moreInHand);
  }
}
