/** A Redis Cluster in which a replica that was cut off from its master takes over without the last writes. */
import { setTimeout as wait } from 'node:timers/promises';
import { pick, type Random } from '../faults/random.ts';
import { eventually } from '../support/eventually.ts';
import type { ClusterServer, RedisCluster } from '../support/redis-cluster.ts';
import type { Loss } from './loss.ts';

interface Pair {
  readonly master: ClusterServer;
  readonly replica: ClusterServer;
}

const stateOf = ({ admin }: ClusterServer): Promise<string> => admin.info('replication');

const offsetIn = (state: string): number => Number(/master_repl_offset:(\d+)/.exec(state)?.[1]);

export class LossyCluster {
  readonly losses: Loss[] = [];
  readonly #cluster: RedisCluster;

  constructor(cluster: RedisCluster) {
    this.#cluster = cluster;
  }

  /** The replica of one master hears nothing more of it, and takes over after a while. */
  async failOver(random: Random, lossMs: number): Promise<void> {
    const { master, replica } = pick(random, await this.#pairs());
    const from = performance.now();
    await inStep(master, replica);
    // What was sent to it before its link is cut is still read; it cannot ask for more before its master is gone.
    replica.process.kill('SIGSTOP');
    await master.admin.call('CLIENT', 'KILL', 'TYPE', 'REPLICA');
    await wait(lossMs);
    master.process.kill('SIGKILL');
    replica.process.kill('SIGCONT');
    await eventually(() => replica.admin.call('CLUSTER', 'FAILOVER', 'TAKEOVER'));
    this.losses.push({ from, to: performance.now() });
    // Its master begins again as one that takes no writes, however late it learns that it is a replica.
    await master.restart('--min-replicas-to-write', '1');
    await inStep(replica, master);
    await master.admin.config('SET', 'min-replicas-to-write', 0);
  }

  async #pairs(): Promise<Pair[]> {
    const { servers, replicas } = this.#cluster;
    const all = [...servers, ...replicas];
    const pairs: Pair[] = [];
    for (const replica of all) {
      const state = await stateOf(replica);
      const master = all.find(({ port }) => state.includes(`master_port:${port}\r`));
      if (master && state.includes('role:slave')) pairs.push({ master, replica });
    }
    return pairs;
  }
}

/** Until the replica has all that its master had when it was asked. */
async function inStep(master: ClusterServer, replica: ClusterServer): Promise<void> {
  const written = offsetIn(await stateOf(master));
  await eventually(async () => {
    const state = await stateOf(replica);
    if (!state.includes('master_link_status:up')) throw new Error('The replica is not connected yet.');
    if (offsetIn(state) < written) throw new Error('The replica is behind.');
  });
}
