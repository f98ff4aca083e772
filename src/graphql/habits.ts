/** Statistics of a shape's earlier renderings of one kind of event, which decide how it renders the next. */

/** The audience of a rendering: all sharers or one viewer. */
export type Audience = 'shared' | 'viewer';

/** Events left to graphql-js after a projection first gave up, and the most that are. */
const FIRST_PAUSE = 3;
const LONGEST_PAUSE = 4_096;

/** Decides when a projection is tried. Each time it gives up, twice as many events are left to graphql-js. */
class Trials {
  #pause = FIRST_PAUSE;
  #left = 0;

  /** Whether to try the projection. Counts the event, so it is called once for each. */
  takesNext(): boolean {
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
  /** Whether the viewer was read, so that each viewer's response is rendered separately. */
  isPerViewer = false;
  /** Whether all renderings were synchronous. Null before the first. */
  isDirect: boolean | null = null;
  readonly #trials = { shared: new Trials(), viewer: new Trials() };

  trialsOf(audience: Audience): Trials {
    return this.#trials[audience];
  }
}
