/** Measures how work grows with its input, on a machine that is also busy with other work. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
/** V8 lets garbage grow up to the limit of the heap: the process would be over its cap. */
const LARGE_BYTES = 120 * 1_048_576;

/** Less is lost in what the machine does beside. */
export const FLOOR_MS = 3;
/** Least and most of them. */
const ROUNDS = [3, 40] as const;

/** Work on something of this size; made before, so that making it is not counted. */
export type Work = (size: number) => () => unknown;

/** Milliseconds of CPU. */
export function timeOf(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/**
 * How many times the work at full size is that at half of it. Each size counts
 * by its quickest round; rounds go on while another could still bring the answer
 * within `most`, so that a busy machine makes this slower and never wrong.
 */
export function growthOf(work: Work, most: number, [least, last]: readonly [number, number] = ROUNDS): number {
  let half = Number.POSITIVE_INFINITY;
  let whole = Number.POSITIVE_INFINITY;
  for (let round = 0; round < last; round += 1) {
    if (getHeapStatistics().used_heap_size > LARGE_BYTES) collectGarbage();
    const [small, large] = [work(0.5), work(1)];
    half = Math.min(half, timeOf(small));
    whole = Math.min(whole, timeOf(large));
    if (round + 1 >= least && growth() <= most) break;
  }
  function growth(): number {
    return (whole + FLOOR_MS) / (half + FLOOR_MS);
  }
  return growth();
}
