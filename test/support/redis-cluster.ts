/** A real Redis Cluster of three masters for one test file, each with a replica when asked for. */
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type RedisServer, startRedisServer } from './redis-server.ts';

export interface RedisCluster {
  /** Of the masters it began with. */
  readonly urls: readonly string[];
  readonly servers: readonly ClusterServer[];
  /** Of each of `servers` its replica; none when it was started without. */
  readonly replicas: readonly ClusterServer[];
  /** Asks every one of `servers`. */
  ask(command: string, ...args: readonly string[]): Promise<unknown[]>;
  /** Waits until these agree that every slot is served. */
  isWhole(servers: readonly ClusterServer[]): Promise<void>;
  /**
   * From now on a master that is silent for so long is replaced. Until then the time is Redis's own: one that waits for
   * its turn on a busy machine would be replaced, too, and what its replica has not received yet be lost.
   */
  watchClosely(nodeTimeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterServer extends RedisServer {
  readonly busPort: number;
  /** For commands of the test; connects again after a restart. */
  readonly admin: Redis;
}

export interface RedisClusterOptions {
  readonly hasReplicas?: boolean;
  /** As on the command line. */
  readonly settings?: readonly string[];
}

const NODES = 3;
const SLOTS = 16_384;
/** Slots in a row on one node: few, so that keys that are near to each other live apart. */
export const STRIPE = 64;

/** The stripes of a node, as the first and last slot of each. */
function stripesOf(index: number): number[] {
  const ranges: number[] = [];
  for (let first = index * STRIPE; first < SLOTS; first += NODES * STRIPE) ranges.push(first, first + STRIPE - 1);
  return ranges;
}

async function startServer(more: readonly string[]): Promise<ClusterServer> {
  const busPort = await freePort();
  const settings = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-port',
    String(busPort),
    ...more,
  ];
  const server = await startRedisServer(...settings);
  const admin = new Redis(server.url, { maxRetriesPerRequest: null });
  // Of a server that was killed.
  admin.on('error', () => undefined);
  return Object.assign(server, { busPort, admin });
}

export async function startRedisCluster({
  hasReplicas = false,
  settings = [],
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const start = (): Promise<ClusterServer[]> => Promise.all(Array.from({ length: NODES }, () => startServer(settings)));
  const servers = await start();
  const replicas = hasReplicas ? await start() : [];
  const all = [...servers, ...replicas];
  for (const [index, { admin }] of servers.entries()) {
    await admin.cluster('SET-CONFIG-EPOCH', index + 1);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', ...stripesOf(index));
  }
  for (const { port, busPort } of all.slice(1)) await all[0]?.admin.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  const isWhole = (asked: readonly ClusterServer[]): Promise<void> =>
    eventually(async () => {
      for (const { admin } of asked) {
        const info = String(await admin.call('CLUSTER', 'INFO'));
        if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${all.length}`))
          throw new Error(info);
      }
    });
  await isWhole(servers);
  for (const [index, { admin }] of replicas.entries()) {
    const id = String(await servers[index]?.admin.cluster('MYID'));
    await eventually(() => admin.call('CLUSTER', 'REPLICATE', id));
    await eventually(async () => expect(await admin.info('replication')).toContain('master_link_status:up'));
  }
  await isWhole(all);
  return {
    urls: servers.map(({ url }) => url),
    servers,
    replicas,
    ask: (command, ...args) => Promise.all(servers.map(({ admin }) => admin.call(command, ...args))),
    isWhole,
    async watchClosely(nodeTimeoutMs) {
      for (const { admin } of all) await admin.config('SET', 'cluster-node-timeout', nodeTimeoutMs);
    },
    async stop() {
      for (const { admin } of all) admin.disconnect();
      await Promise.all(all.map((server) => server.stop()));
    },
  };
}
