/**
 * The present token of a connection.
 *
 * A connection owns one bearer. Streams and contexts ask it each time and store no
 * viewer, so they deliver only what the present token may see (G17).
 */
import type { Viewer } from '../model.ts';

export interface Bearer {
  readonly viewer: Viewer;
  /** Calls back whenever a new token replaces the old one; the returned function unsubscribes. */
  onRenewed(renewed: () => void): () => void;
}

/** For a token that is never replaced: that of a request, or of a stream over HTTP. */
export function bearerOf(viewer: Viewer): Bearer {
  return { viewer, onRenewed: () => () => undefined };
}

/** For a socket, whose client brings a new token before the old one ends. */
export class RenewableBearer implements Bearer {
  #viewer: Viewer;
  readonly #listeners = new Set<() => void>();

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
  }

  get viewer(): Viewer {
    return this.#viewer;
  }

  onRenewed(renewed: () => void): () => void {
    this.#listeners.add(renewed);
    return () => this.#listeners.delete(renewed);
  }

  /** Replaces the token. False: it belongs to another user, and nothing changes. */
  renew(next: Viewer): boolean {
    const { tenant, userId } = this.#viewer;
    if (next.tenant !== tenant || next.userId !== userId) return false;
    this.#viewer = next;
    for (const renewed of [...this.#listeners]) renewed();
    return true;
  }
}
