/** The event loop of a node is blocked by something that computes. */
import { TIMES } from '../../src/limits.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { Load, post, tokenOf } from './load.ts';
import { measured } from './measured.ts';
import { type Cluster, startCluster } from './processes.ts';
import { createRandom } from './random.ts';
import { IS_FULL, SEEDS, TEST_MS } from './settings.ts';

const PRELOAD = `--import ${new URL('./blocked-loop.ts', import.meta.url)}`;
/** Pings are due while it is blocked; who has not answered for so long is closed. */
const HEARTBEAT = { HEARTBEAT_INTERVAL: '1s', CLIENT_TIMEOUT: '30s' };
const SHORT_MS = 2_500;
/** Past the lease and a sweep. */
const LONG_MS = TIMES.nodeLeaseMs + TIMES.nodeRenewMs + 1_000;
const PRESENCE = '{ presence(userIds: ["watched"]) { status } }';

describe.each(SEEDS)('a blocked event loop, seed %i', (seed) => {
  it.each(IS_FULL ? [SHORT_MS, LONG_MS] : [SHORT_MS])(
    'G05, F29: for %i ms: pings are missed, nobody is closed, nothing is lost, the lag is shown, the lease is held again',
    async (blockMs) => {
      const preload = { NODE_OPTIONS: PRELOAD, BLOCK_MS: String(blockMs) };
      const cluster: Cluster = await startCluster(2, (index) => ({ ...HEARTBEAT, ...(index === 0 ? preload : {}) }));
      const [blocked, other] = cluster.endpoints as [{ url: string; wsUrl: string }, { url: string; wsUrl: string }];
      const watched = await connectClient(blocked.wsUrl, await tokenOf('watched'));
      const watcher = await connectClient(other.wsUrl, await tokenOf('watcher'));
      const watching = await watcher.subscribe(PRESENCE.replace('{ presence', 'subscription { presenceUpdated'));
      const statuses = (): string[] => watching.events.map(({ presenceUpdated }) => presenceUpdated.status);
      const load = await Load.start(cluster.endpoints, createRandom(seed));
      try {
        await eventually(() => expect(statuses()).toEqual(['ONLINE']));
        // Writers go to the node that works; those who listen stay where they are.
        load.endpoints.shift();
        cluster.programs[0]?.process.kill('SIGUSR2');
        await eventually(() => expect(cluster.programs[0]?.output).toContain('event loop blocked'));
        await eventually(() => expect(cluster.programs[0]?.output).toContain('event loop free'));
        const freedAt = performance.now();
        const text = await (await fetch(`${blocked.url}/metrics`)).text();
        const lag = Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]) * 1_000;
        expect(lag).toBeGreaterThan(blockMs * 0.8);
        await load.goesOn();
        const healedMs = Math.round(performance.now() - freedAt);
        // Past its lease the others declared it dead, and it has come back under a new name.
        const expected = blockMs > TIMES.nodeLeaseMs ? ['ONLINE', 'OFFLINE', 'ONLINE'] : ['ONLINE'];
        await eventually(() => expect(statuses()).toEqual(expected));
        const { data } = await post(other.url, await tokenOf('reader-0'), PRESENCE, {});
        expect(data.presence[0].status).toBe('ONLINE');
        expect(await load.verdict()).toEqual([]);
        expect(load.closes()).toEqual([]);
        expect(watched.closes).toEqual([]);
        measured(
          'F29',
          `${blockMs / 1_000} s: lag shown as ${Math.round(lag)} ms; everyone heard again ${healedMs} ms afterwards; no socket closed; ${blockMs > TIMES.nodeLeaseMs ? 'its users were gone meanwhile and back afterwards' : 'no presence ended'}`,
        );
      } finally {
        await watched.close();
        await watcher.close();
        await load.close();
        await cluster.close();
      }
    },
    TEST_MS,
  );
});
