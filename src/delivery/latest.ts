/** The newest known state of something whose changes are announced with versions. */

interface Versioned {
  readonly version: number;
}

/**
 * An older version never replaces a newer one, with one exception: a server that
 * lost its end counts from lower numbers again. That comes with an interruption, so
 * after one the state is in doubt, and what is heard or read next is the truth.
 */
export class Latest<State extends Versioned> {
  #state: State | null = null;
  #isInDoubt = false;
  #reads = 0;

  get current(): State | null {
    return this.#state;
  }

  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Takes a state that was announced; false: it is no news. */
  take(state: State): boolean {
    const before = this.#state?.version ?? Number.NEGATIVE_INFINITY;
    if (this.#isInDoubt ? state.version === before : state.version <= before) {
      this.#isInDoubt &&= state.version !== before;
      return false;
    }
    this.#isInDoubt = false;
    this.#state = state;
    return true;
  }

  /** Begins to read the state: the answer takes what was read, unless it is read anew meanwhile. */
  reading(): (state: State) => boolean {
    this.#reads += 1;
    const read = this.#reads;
    return (state) => read === this.#reads && this.take(state);
  }

  /** Replaces the state by what is known to have become of it, in the same version. */
  amend(state: State): void {
    this.#state = state;
  }
}
