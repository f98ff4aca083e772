/** A real Redis Cluster of three masters for one test file, without replicas. */
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type RedisServer, startRedisServer } from './redis-server.ts';

export interface RedisCluster {
  readonly urls: readonly string[];
  readonly servers: readonly RedisServer[];
  /** Asks every node. */
  ask(command: string, ...args: readonly string[]): Promise<unknown[]>;
  stop(): Promise<void>;
}

const NODES = 3;
const SLOTS = 16_384;
/** Slots in a row on one node: few, so that keys that are near to each other live apart. */
const STRIPE = 64;

/** The stripes of a node, as the first and last slot of each. */
function stripesOf(index: number): number[] {
  const ranges: number[] = [];
  for (let first = index * STRIPE; first < SLOTS; first += NODES * STRIPE) ranges.push(first, first + STRIPE - 1);
  return ranges;
}

async function startNode(): Promise<RedisServer & { readonly busPort: number }> {
  const busPort = await freePort();
  const settings = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-port',
    String(busPort),
  ];
  return { ...(await startRedisServer(...settings)), busPort };
}

export async function startRedisCluster(): Promise<RedisCluster> {
  const servers = await Promise.all(Array.from({ length: NODES }, startNode));
  const admins = servers.map(({ url }) => new Redis(url));
  for (const [index, admin] of admins.entries()) {
    await admin.cluster('SET-CONFIG-EPOCH', index + 1);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', ...stripesOf(index));
    for (const { port, busPort } of servers.slice(0, index))
      await admin.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  }
  const ask = (command: string, ...args: readonly string[]): Promise<unknown[]> =>
    Promise.all(admins.map((admin) => admin.call(command, ...args)));
  await eventually(async () => {
    for (const info of await ask('CLUSTER', 'INFO')) {
      if (!String(info).includes('cluster_state:ok')) throw new Error(String(info));
    }
  });
  return {
    urls: servers.map(({ url }) => url),
    servers,
    ask,
    async stop() {
      for (const admin of admins) admin.disconnect();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
