/** A node is told to stop under load; its clients go on at the other. */
import { once } from 'node:events';
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
    'G15, F28: SIGTERM loses nothing, closes evenly over the window, and exits 0 in time',
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
        const counts = await countTenths(() => crowd.filter(({ closes }) => closes.length > 0).length);
        const [code] = await exit;
        const exitMs = Math.round(performance.now() - startedAt);
        expect(code).toBe(0);
        expect(new Set(crowd.flatMap(({ closes }) => closes))).toEqual(new Set([1012]));
        const mean = SIZE.crowd / TENTHS;
        if (IS_WHOLE) for (const count of counts) expect(Math.abs(count - mean)).toBeLessThan(mean * UNEVEN);
        // Everyone is at the other node, and hears what is sent now.
        await load.goesOn();
        expect(await load.verdict()).toEqual([]);
        measured(
          'F28',
          `${SIZE.crowd} sockets, window ${SIZE.drainMs / 1_000} s: exit 0 after ${exitMs} ms; ${Math.min(...counts)} to ${Math.max(...counts)} closed in each tenth; nothing lost or doubled`,
        );
      } finally {
        await load.close();
      }
    },
    TEST_MS,
  );

  /** How many were closed in each tenth of the window. */
  async function countTenths(closed: () => number): Promise<number[]> {
    const counts: number[] = [];
    let before = 0;
    const startedAt = performance.now();
    for (let tenth = 1; tenth <= TENTHS; tenth += 1) {
      const dueAt = startedAt + (SIZE.drainMs * tenth) / TENTHS;
      await new Promise((resolve) => setTimeout(resolve, Math.max(dueAt - performance.now(), 0)));
      counts.push(closed() - before);
      before = closed();
    }
    return counts;
  }
});
