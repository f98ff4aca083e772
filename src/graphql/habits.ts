/** The observations of the renderings of one kind of event so far, by which a shape renders the next. */

/** Of a rendering: all sharers or one viewer. */
export type Audience = 'shared' | 'viewer';

/** Events that are left to graphql-js after the first that a projection gave up on, and at most. */
const FIRST_PAUSE = 3;
const LONGEST_PAUSE = 4_096;

/** When a projection is tried: after each event that it gave up on, twice as many are left to graphql-js. */
class Trials {
  #pause = FIRST_PAUSE;
  #left = 0;

  /** Asked once for each event. */
  get isDue(): boolean {
    if (this.#left === 0) return true;
    this.#left -= 1;
    return false;
  }

  succeeded(): void {
    this.#pause = FIRST_PAUSE;
  }

  failed(): void {
    this.#left = this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }
}

export class Habits {
  /** The viewer is read: each viewer's response is rendered alone. */
  isPerViewer = false;
  /** Whether all were synchronous. Null before the first. */
  isDirect: boolean | null = null;
  readonly #trials = { shared: new Trials(), viewer: new Trials() };

  trialsOf(audience: Audience): Trials {
    return this.#trials[audience];
  }
}
