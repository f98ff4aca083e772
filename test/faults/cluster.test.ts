/** Redis Cluster under load: masters are replaced, planned and not, and slots move. */
import { setTimeout as wait } from 'node:timers/promises';
import { MovingSlots } from '../support/cluster-slots.ts';
import { eventually } from '../support/eventually.ts';
import { type ClusterServer, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { Load } from './load.ts';
import { measured } from './measured.ts';
import { type Fleet, startFleet } from './processes.ts';
import { createRandom } from './random.ts';
import { SEEDS, SIZE, TEST_MS } from './settings.ts';

/** Of a master that is gone, until the others agree that it is: its replica takes over after that. */
const NODE_TIMEOUT_MS = 2_000;
const HANDOVER_MS = 6_000;
const SETTINGS = ['--repl-diskless-sync-delay', '0'];
const LOOK_AGAIN_MS = 200;

describe.each(SEEDS)('a Redis Cluster, seed %i', (seed) => {
  let cluster: RedisCluster;
  let fleet: Fleet;
  let load: Load;

  const begin = async (hasReplicas: boolean): Promise<void> => {
    cluster = await startRedisCluster({ hasReplicas, settings: SETTINGS });
    fleet = await startFleet(2, () => ({ REDIS_URL: cluster.urls.join(',') }));
    load = await Load.start(fleet.endpoints, createRandom(seed));
  };
  afterEach(async () => {
    await load.close();
    await fleet.close();
    await cluster.stop();
  });

  const sent = (): number => load.history.acknowledged.length;
  const roleOf = async ({ admin }: ClusterServer): Promise<unknown> => ((await admin.call('ROLE')) as unknown[])[0];
  const logsOf = ({ admin }: ClusterServer): Promise<string[]> => admin.keys('*:log');
  const becomesMaster = (server: ClusterServer): Promise<void> =>
    eventually(async () => expect(await roleOf(server)).toBe('master'));

  /** Redis gives a handover up that takes more than five seconds. */
  const takesOver = (replica: ClusterServer): Promise<void> =>
    eventually(async () => {
      if ((await roleOf(replica)) === 'slave') await replica.admin.call('CLUSTER', 'FAILOVER');
      await eventually(async () => expect(await roleOf(replica)).toBe('master'), HANDOVER_MS);
    });

  /** The master that holds most conversations, and its replica. */
  async function busiest(): Promise<readonly [ClusterServer, ClusterServer]> {
    const counts = await Promise.all(cluster.servers.map(async (server) => (await logsOf(server)).length));
    const index = counts.indexOf(Math.max(...counts));
    return [cluster.servers[index] as ClusterServer, cluster.replicas[index] as ClusterServer];
  }

  it(
    'G05, F8: planned failover of each master: nothing lost, nothing twice, no gap',
    async () => {
      await begin(true);
      const waits: number[] = [];
      for (const replica of cluster.replicas) {
        const startedAt = performance.now();
        await takesOver(replica);
        await load.goesOn();
        waits.push(Math.round(performance.now() - startedAt));
        await cluster.isWhole([...cluster.servers, ...cluster.replicas]);
      }
      expect(await load.verdict()).toEqual([]);
      expect(load.closes()).toEqual([]);
      measured(
        'F8',
        `planned, of each master: all clients received messages again after ${waits.join(', ')} ms; ${sent()} messages, none lost`,
      );
    },
    TEST_MS,
  );

  // A replica may lack what its master acknowledged last (G01, G04). It does not here: a master writes to its replica
  // in the turn in which it answers, and the kernel delivers what a killed process had written. So all has to be there.
  it(
    'G04, G07, F8: a killed master: its replica takes over, every client reaches the head, positions stay unique',
    async () => {
      await begin(true);
      const [master, replica] = await busiest();
      await cluster.watchClosely(NODE_TIMEOUT_MS);
      await eventually(async () => expect(await master.admin.wait(1, 1_000)).toBe(1));
      const killedAt = performance.now();
      master.process.kill('SIGKILL');
      await becomesMaster(replica);
      const alive = [...cluster.servers, ...cluster.replicas].filter((server) => server !== master);
      await cluster.isWhole(alive);
      const whole = Math.round(performance.now() - killedAt);
      await load.goesOn();
      const heard = Math.round(performance.now() - killedAt);
      await master.restart();
      await eventually(async () => expect(await roleOf(master)).toBe('slave'));
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
      expect(load.closes()).toEqual([]);
      measured(
        'F8',
        `killed (node timeout ${NODE_TIMEOUT_MS / 1_000} s): the cluster was complete after ${whole} ms, all clients received messages again after ${heard} ms; ${sent()} messages, none lost`,
      );
    },
    TEST_MS,
  );

  it(
    'G05, F9: slots with conversations move from master to master: nothing lost, nothing twice, no gap',
    async () => {
      await begin(false);
      const slots = await MovingSlots.of(cluster, SIZE.slotsAtOnce);
      let moved = 0;
      const startedAt = performance.now();
      for (let round = 0; performance.now() < startedAt + SIZE.faultMs; round += 1) {
        moved += await slots.moveFrom(round % cluster.servers.length);
      }
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
      // A late word may come after the last move, too.
      const watch = new AbortController();
      const watching = (async () => {
        while (!watch.signal.aborted) {
          await slots.agree();
          await wait(LOOK_AGAIN_MS);
        }
      })();
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
      watch.abort();
      await watching;
      expect(load.closes()).toEqual([]);
      measured(
        'F9',
        `${moved} moves of ${slots.size} slots in ${seconds} s, among them those of all conversations; ${sent()} messages, none lost`,
      );
    },
    TEST_MS,
  );
});
