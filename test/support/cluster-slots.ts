/** Moves slots of a Redis Cluster from master to master, as `redis-cli --cluster reshard` does. */
import { eventually } from './eventually.ts';
import { type ClusterServer, type RedisCluster, STRIPE } from './redis-cluster.ts';

/** Masters tell each other every second. */
const AGREE_MS = 2_000;

/** Who serves what since which epoch, as each master sees it. */
const views = (answers: readonly unknown[]): string[] =>
  answers.map((answer) =>
    String(answer)
      .trim()
      .split('\n')
      .map((line) => {
        const [id, , , , , , epoch, , ...slots] = line.split(' ');
        return [id, epoch, ...slots].join(' ');
      })
      .sort()
      .join('\n'),
  );

/** The slots of a master's conversations and some beside them. */
async function chosenSlots({ admin }: ClusterServer, beside: number): Promise<number[]> {
  const slots = new Set<number>();
  for (const key of await admin.keys('*:log')) {
    const first = Number(await admin.cluster('KEYSLOT', key));
    const end = Math.min(first + beside, Math.ceil((first + 1) / STRIPE) * STRIPE);
    for (let slot = first; slot < end; slot += 1) slots.add(slot);
  }
  return [...slots];
}

export class MovingSlots {
  readonly #cluster: RedisCluster;
  readonly #ids: readonly string[];
  /** By slot, the index of the master that has it. */
  readonly #owners: Map<number, number>;

  private constructor(cluster: RedisCluster, ids: readonly string[], owners: Map<number, number>) {
    this.#cluster = cluster;
    this.#ids = ids;
    this.#owners = owners;
  }

  /** Of all conversations there are, each with so many beside it. */
  static async of(cluster: RedisCluster, beside: number): Promise<MovingSlots> {
    const ids = await Promise.all(cluster.servers.map(async ({ admin }) => String(await admin.cluster('MYID'))));
    const owners = new Map<number, number>();
    for (const [index, server] of cluster.servers.entries())
      for (const slot of await chosenSlots(server, beside)) owners.set(slot, index);
    return new MovingSlots(cluster, ids, owners);
  }

  get size(): number {
    return this.#owners.size;
  }

  /** Moves all of one master to the next, and waits until all agree. Answers how many. */
  async moveFrom(from: number): Promise<number> {
    const to = (from + 1) % this.#ids.length;
    const slots = [...this.#owners].filter(([, owner]) => owner === from).map(([slot]) => slot);
    for (const slot of slots) await this.#move(slot, from, to);
    for (const slot of slots) this.#owners.set(slot, to);
    await this.agree();
    return slots.length;
  }

  /**
   * Waits until all masters see the same: faster than they tell each other, they would claim slots back. One that took
   * a late word of the former owner for a new one is told again, as `redis-cli --cluster fix` does.
   */
  async agree(): Promise<void> {
    await eventually(async () => {
      try {
        const same = async () => expect(new Set(views(await this.#cluster.ask('CLUSTER', 'NODES'))).size).toBe(1);
        await eventually(same, AGREE_MS);
      } catch (error) {
        for (const [slot, owner] of this.#owners) await this.#assign(slot, owner);
        throw error;
      }
    });
  }

  async #move(slot: number, from: number, to: number): Promise<void> {
    const [source, target] = [this.#cluster.servers[from] as ClusterServer, this.#cluster.servers[to] as ClusterServer];
    await eventually(async () => {
      try {
        await target.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', this.#ids[from] ?? '');
        await source.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', this.#ids[to] ?? '');
      } catch (error) {
        // See `agree`: the late word came after that.
        await this.#assign(slot, from);
        throw error;
      }
    });
    for (;;) {
      const keys = (await source.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as string[];
      if (keys.length === 0) break;
      await source.admin.call('MIGRATE', '127.0.0.1', target.port, '', 0, 5_000, 'KEYS', ...keys);
    }
    await this.#assign(slot, to);
  }

  /** Tells the new owner first. */
  async #assign(slot: number, to: number): Promise<void> {
    const { servers } = this.#cluster;
    const others = servers.filter((_, index) => index !== to);
    for (const server of [servers[to], ...others])
      await server?.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', this.#ids[to] ?? '');
  }
}
