/** Logs refusals at a limited rate, since a refused client may retry many times. */
import type { Clock } from '../clock.ts';
import { TIMES } from '../limits.ts';

/** Logs this refusal, with the number of refusals since the last line. */
export type LogRefusal<About> = (about: About, refused: number) => void;

export function createRefusalLog<About>(clock: Clock, tell: LogRefusal<About>): (about: About) => void {
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
