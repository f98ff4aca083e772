/** Speaks of what is refused, and at most once in a while: whoever is refused may come again and again. */
import type { Clock } from '../clock.ts';
import { TIMES } from '../limits.ts';

/** Says something of the refusal at hand, and how many there were since it last spoke. */
export type Tell<About> = (about: About, refused: number) => void;

export function createTeller<About>(clock: Clock, tell: Tell<About>): (about: About) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  return (about) => {
    untold += 1;
    if (clock.elapsed() - toldAt < TIMES.refusalsToldMs) return;
    toldAt = clock.elapsed();
    tell(about, untold);
    untold = 0;
  };
}
