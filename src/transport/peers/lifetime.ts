/**
 * The life of a peer, whatever its transport: open, closing, closed.
 *
 * Only its owner changes it: the connection, or the stream. Once it is closing, nothing is written, nothing waits for
 * its reader, and its streams are over; only the close frame is left. The close has a deadline, whatever the peer does.
 */
import type { Clock } from '../../clock.ts';
import { type Few, membersOf, withMember, withoutMember } from '../../few.ts';
import { TIMES } from '../../limits.ts';

export interface LifetimeListener {
  /** Nothing more may be written. */
  onPeerEnd(): void;
  onPeerClosed(): void;
}

/** The owner of a lifetime. It is called after the listeners and before the acts. */
export interface LifetimeOwner extends Partial<LifetimeListener> {
  /** Cuts off a peer that does not answer the close; the owner then calls `close`. */
  cut(): void;
}

/** Receives the owner, so that one function serves all peers of a kind. */
export type LifetimeCallback = (owner: LifetimeOwner) => void;

const NOTHING = (): void => undefined;

export class Lifetime {
  readonly #clock: Clock;
  readonly #owner: LifetimeOwner;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #deadline: number | null = null;
  #cancel: (() => void) | null = null;
  #listeners: Few<LifetimeListener> = null;
  #atEnd: Few<LifetimeCallback> = null;
  #atClose: Few<LifetimeCallback> = null;

  constructor(clock: Clock, owner: LifetimeOwner) {
    this.#clock = clock;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Begins closing: only the close may follow, within this time. When called again, the shorter time counts. */
  end(withinMs: number = TIMES.terminateMs): void {
    if (this.#state === 'closed') return;
    const deadline = this.#clock.elapsed() + withinMs;
    if (this.#deadline === null || deadline < this.#deadline) {
      this.#deadline = deadline;
      this.#cancel?.();
      this.#cancel = this.#clock.after(withinMs, () => this.#owner.cut());
    }
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    for (const listener of membersOf(this.#listeners)) listener.onPeerEnd();
    this.#owner.onPeerEnd?.();
    const acts = this.#atEnd;
    this.#atEnd = null;
    for (const act of membersOf(acts)) act(this.#owner);
  }

  /** The peer is gone. */
  close(): void {
    if (this.#state === 'closed') return;
    this.end();
    this.#state = 'closed';
    this.#cancel?.();
    for (const listener of membersOf(this.#listeners)) listener.onPeerClosed();
    this.#owner.onPeerClosed?.();
    const acts = this.#atClose;
    this.#atClose = null;
    for (const act of membersOf(acts)) act(this.#owner);
  }

  /** Notifies a listener of both changes. */
  listen(listener: LifetimeListener): void {
    this.#listeners = withMember(this.#listeners, listener);
  }

  /**
   * Runs `act` once nothing more may be written; at once if that is so. The returned function removes it. An act is
   * added once.
   */
  onEnd(act: LifetimeCallback): () => void {
    if (!this.isOpen) return this.#runNow(act);
    this.#atEnd = withMember(this.#atEnd, act);
    return () => {
      this.#atEnd = withoutMember(this.#atEnd, act);
    };
  }

  /** Runs `act` once the peer is gone; at once if it is. The returned function removes it. An act is added once. */
  onClose(act: LifetimeCallback): () => void {
    if (this.isClosed) return this.#runNow(act);
    this.#atClose = withMember(this.#atClose, act);
    return () => {
      this.#atClose = withoutMember(this.#atClose, act);
    };
  }

  #runNow(act: LifetimeCallback): () => void {
    act(this.#owner);
    return NOTHING;
  }
}
