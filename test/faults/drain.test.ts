/** A node drains under load, and its clients resume at the other. */
import { once } from 'node:events';
import { eventually } from '../support/eventually.ts';
import type { Program } from '../support/process.ts';
import { Load } from './load.ts';
import { measured } from './measured.ts';
import { type Cluster, startCluster } from './processes.ts';
import { createRandom } from './random.ts';
import { IS_WHOLE, SEEDS, SIZE, TEST_MS } from './settings.ts';

/** Subscribers of busy conversations, beside the crowd. */
const BESIDE = 40;
const TENTHS = 10;
/** Of the mean: how far a tenth of the window may be off, beside the noise of a machine that runs all of it. */
const UNEVEN = 0.5;

describe.each(SEEDS)('a drained node, seed %i', (seed) => {
  let cluster: Cluster;
  afterEach(() => cluster.close());

  it(
    'G15, F28: SIGTERM loses nothing, closes sockets evenly over the window, and exits with 0 in time',
    async () => {
      cluster = await startCluster(2, { DRAIN_WINDOW: `${SIZE.drainMs}ms` });
      const load = await Load.start(cluster.endpoints, createRandom(seed), BESIDE);
      try {
        const crowd = await load.crowd(SIZE.crowd, cluster.endpoints[0]);
        load.endpoints.shift();
        const [leaving] = cluster.programs as [Program];
        const startedAt = performance.now();
        const exit = once(leaving.process, 'exit') as Promise<[number | null]>;
        leaving.process.kill('SIGTERM');
        const [code] = await exit;
        const exitMs = Math.round(performance.now() - startedAt);
        expect(code).toBe(0);
        await eventually(() => expect(crowd.every(({ closedAt }) => closedAt.length > 0)).toBe(true));
        const counts = countTenths(crowd.map(({ closedAt: [first = 0] }) => first - startedAt));
        // Later closes are those of the other node, which may tell some of so many to come again.
        expect(new Set(crowd.map(({ closes: [first] }) => first))).toEqual(new Set([1012]));
        const mean = SIZE.crowd / TENTHS;
        if (IS_WHOLE) for (const count of counts) expect(Math.abs(count - mean)).toBeLessThan(mean * UNEVEN);
        // Everyone is at the other node, and hears what is sent now.
        await load.goesOn();
        expect(await load.verdict()).toEqual([]);
        measured(
          'F28',
          `${SIZE.crowd} sockets, window ${SIZE.drainMs / 1_000} s: exit 0 after ${exitMs} ms; ${Math.min(...counts)} to ${Math.max(...counts)} closed in each tenth; no message lost or delivered twice`,
        );
      } finally {
        await load.close();
      }
    },
    TEST_MS,
  );

  /** How many were closed in each tenth of the window, by the times at which they were. */
  function countTenths(closedAfterMs: readonly number[]): number[] {
    const counts = Array<number>(TENTHS).fill(0);
    for (const ms of closedAfterMs) {
      const tenth = Math.min(Math.floor((ms / SIZE.drainMs) * TENTHS), TENTHS - 1);
      counts[tenth] = (counts[tenth] ?? 0) + 1;
    }
    return counts;
  }
});
