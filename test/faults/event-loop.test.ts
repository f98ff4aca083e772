/** The event loop of a node is blocked by a computation. */
import { TIMES } from '../../src/limits.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import type { Data } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { Load, post, tokenOf } from './load.ts';
import { measured } from './measured.ts';
import { type Cluster, startCluster } from './processes.ts';
import { createRandom } from './random.ts';
import { IS_FULL, SEEDS, TEST_MS } from './settings.ts';

const PRELOAD = `--import ${new URL('./blocked-loop.ts', import.meta.url)}`;
/** Pings are due while it is blocked; who has not answered for so long is closed. */
const HEARTBEAT = { HEARTBEAT_INTERVAL: '1s', CLIENT_TIMEOUT: '30s' };
/** Longer than an operation of the engine may take, and than `connection_init` may. */
const SHORT_MS = 3_500;
/** Past the lease and a sweep. */
const LONG_MS = TIMES.nodeLeaseMs + TIMES.nodeRenewMs + 1_000;
/** As `transport/http/entrance.ts` has it. */
const SLOWEST_HEADERS_MS = 10_000;
const ASKED_AT_ONCE = 20;
const PRESENCE = '{ presence(userIds: ["watched"]) { status } }';

/** A 408 is a refusal as any other here. */
const notInTime = ({ message }: Error): Data => ({ errors: [{ extensions: { code: message } }] });

/** Asks without a break, so that some of it is under way when the loop is blocked; answers what was refused. */
async function ask(url: string, signal: AbortSignal): Promise<string[]> {
  const refused: string[] = [];
  const token = await tokenOf('reader-1');
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const { errors = [] } = await post(url, token, PRESENCE, {}).catch(notInTime);
      for (const { extensions } of errors) refused.push(extensions.code);
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, work));
  return refused;
}

/** A socket whose `connection_init` is on its way while nobody reads. */
async function comeMeanwhile(wsUrl: string, isBlocked: () => Promise<void>): Promise<number | 'in'> {
  const socket = await openSocket(wsUrl, ['graphql-transport-ws']);
  await isBlocked();
  socket.send({ type: 'connection_init', payload: { token: await tokenOf('newcomer') } });
  const outcome = await Promise.race([
    socket.closed,
    socket.frame(0).then(
      () => 'in' as const,
      () => socket.closed,
    ),
  ]);
  socket.socket.terminate();
  return outcome;
}

describe.each(SEEDS)('a blocked event loop, seed %i', (seed) => {
  it.each(IS_FULL ? [SHORT_MS, LONG_MS] : [SHORT_MS])(
    'G05, F29: for %i ms: no socket is closed, nothing is lost or refused, and the lag is in the metrics',
    async (blockMs) => {
      const preload = { NODE_OPTIONS: PRELOAD, BLOCK_MS: String(blockMs) };
      const cluster: Cluster = await startCluster(2, (index) => ({ ...HEARTBEAT, ...(index === 0 ? preload : {}) }));
      const [blocked, other] = cluster.endpoints as [{ url: string; wsUrl: string }, { url: string; wsUrl: string }];
      const watched = await connectClient(blocked.wsUrl, await tokenOf('watched'));
      const watcher = await connectClient(other.wsUrl, await tokenOf('watcher'));
      const watching = await watcher.subscribe(PRESENCE.replace('{ presence', 'subscription { presenceUpdated'));
      const statuses = (): string[] => watching.events.map(({ presenceUpdated }) => presenceUpdated.status);
      const load = await Load.start(cluster.endpoints, createRandom(seed));
      const over = new AbortController();
      try {
        await eventually(() => expect(statuses()).toEqual(['ONLINE']));
        // Writers go to the node that works; those who listen stay where they are.
        load.endpoints.shift();
        const asked = ask(blocked.url, over.signal);
        const says = (words: string) => eventually(() => expect(cluster.programs[0]?.output).toContain(words));
        const newcomer = comeMeanwhile(blocked.wsUrl, async () => {
          cluster.programs[0]?.process.kill('SIGUSR2');
          await says('event loop blocked');
        });
        await says('event loop free');
        const freedAt = performance.now();
        const text = await (await fetch(`${blocked.url}/metrics`)).text();
        const lag = Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]) * 1_000;
        expect(lag).toBeGreaterThan(blockMs * 0.8);
        // Past its lease the node is another one, and may tell who came to it before that to come again.
        expect(blockMs > TIMES.nodeLeaseMs ? ['in', 1013] : ['in']).toContain(await newcomer);
        over.abort();
        const refused = await asked;
        // Node's own look at requests that are too slow to come is not behind what has arrived.
        expect(blockMs < SLOWEST_HEADERS_MS ? refused : []).toEqual([]);
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
          `${blockMs / 1_000} s: lag shown as ${Math.round(lag)} ms; all clients received messages again ${healedMs} ms afterwards; no socket closed; ${blockMs > TIMES.nodeLeaseMs ? 'its users were offline meanwhile and online afterwards' : 'no presence ended'}`,
        );
      } finally {
        over.abort();
        await watched.close();
        await watcher.close();
        await load.close();
        await cluster.close();
      }
    },
    TEST_MS,
  );
});
