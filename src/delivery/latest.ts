/** The newest known state of something whose changes are announced with versions. */

interface Versioned {
  readonly version: number;
}

/**
 * An older version never replaces a newer one, with one exception: a server that lost its last writes counts again from lower
 * numbers. That comes with an interruption, so after an interruption the next state announced or read is taken whatever
 * its version.
 */
export class Latest<State extends Versioned> {
  #state: State | null = null;
  #isInDoubt = false;
  #doubts = 0;
  #reads = 0;
  /** The latest read that was answered. */
  #answered = 0;

  get current(): State | null {
    return this.#state;
  }

  doubt(): void {
    this.#isInDoubt = true;
    this.#doubts += 1;
  }

  /** Takes an announced state; false: it is not new. */
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

  /**
   * Begins a read; the returned function takes its answer, unless a later read was answered before. The answer of a
   * read that began before `doubt` is taken only if no state is known, and does not end the doubt.
   */
  reading(): (state: State) => boolean {
    this.#reads += 1;
    const read = this.#reads;
    const doubts = this.#doubts;
    return (state) => {
      if (read < this.#answered) return false;
      this.#answered = read;
      if (doubts === this.#doubts) return this.take(state);
      const isFirst = this.#state === null;
      this.#state ??= state;
      return isFirst;
    };
  }

  /** Replaces the state by a known consequence, in the same version. */
  amend(state: State): void {
    this.#state = state;
  }
}
