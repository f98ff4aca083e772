/**
 * The current token of a connection.
 *
 * A connection owns one bearer. Streams and contexts read the viewer from the bearer each time and store none, so they
 * deliver only what the current token may see (G17).
 */
import { type Few, membersOf, withMember, withoutMember } from '../few.ts';
import type { Viewer } from '../model.ts';

/** Called when a new token replaces the old one. */
export interface RenewalListener {
  onRenewed(): void;
}

export interface Bearer {
  readonly viewer: Viewer;
  listen(listener: RenewalListener): void;
  unlisten(listener: RenewalListener): void;
}

/** For a token that is never replaced: the token of a request or of a stream over HTTP. */
export function fixedBearer(viewer: Viewer): Bearer {
  return { viewer, listen: () => undefined, unlisten: () => undefined };
}

/** For a socket, whose client sends a new token before the old one expires. */
export class RenewableBearer implements Bearer {
  #viewer: Viewer;
  #listeners: Few<RenewalListener> = null;

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
  }

  get viewer(): Viewer {
    return this.#viewer;
  }

  listen(listener: RenewalListener): void {
    this.#listeners = withMember(this.#listeners, listener);
  }

  unlisten(listener: RenewalListener): void {
    this.#listeners = withoutMember(this.#listeners, listener);
  }

  /** Replaces the token. False: it belongs to another user, and nothing changes. */
  renew(next: Viewer): boolean {
    const { tenant, userId } = this.#viewer;
    if (next.tenant !== tenant || next.userId !== userId) return false;
    this.#viewer = next;
    for (const listener of membersOf(this.#listeners)) listener.onRenewed();
    return true;
  }
}
