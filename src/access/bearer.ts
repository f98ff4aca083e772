/**
 * Whose token a connection goes by, now.
 *
 * A connection owns one bearer. Streams and contexts ask it each time and keep no
 * copy of a viewer, so that what they carry is what the present token may see (G17).
 */
import type { Viewer } from '../model.ts';

export interface Bearer {
  readonly viewer: Viewer;
  /** Calls back whenever another token has taken the place of the one before; the answer stops that. */
  onRenewed(renewed: () => void): () => void;
}

/** Of a token that nothing takes the place of: that of a request, or of a stream over HTTP. */
export function bearerOf(viewer: Viewer): Bearer {
  return { viewer, onRenewed: () => () => undefined };
}

/** Of a socket, whose client brings a new token before the old one ends. */
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

  /** Goes by another token from now on; false: it is another user's, and changes nothing. */
  renew(next: Viewer): boolean {
    const { tenant, userId } = this.#viewer;
    if (next.tenant !== tenant || next.userId !== userId) return false;
    this.#viewer = next;
    for (const renewed of [...this.#listeners]) renewed();
    return true;
  }
}
