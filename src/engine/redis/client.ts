/**
 * Connections to Redis, one for commands and one for announcements.
 *
 * Commands are neither queued while the server is away nor sent again after a
 * reconnect: a write whose answer was lost must not run twice. A timeout means
 * that the outcome is unknown.
 */
import { Cluster, type ClusterNode, Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import { isDemoted } from './outage.ts';

export type RedisClient = Redis | Cluster;

export interface RedisAddress {
  /** `redis://` or `rediss://` URLs; several are the seeds of a cluster. */
  readonly urls: readonly string[];
  readonly isCluster: boolean;
}

const COMMANDS = {
  lazyConnect: true,
  connectTimeout: 2_000,
  commandTimeout: TIMES.operationMs,
  socketTimeout: 5_000,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: true,
  // A demoted primary keeps its connections. A new one asks the name, or Sentinel, where the primary is.
  reconnectOnError: isDemoted,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2),
} as const satisfies RedisOptions;

const ANNOUNCEMENTS = {
  ...COMMANDS,
  enableAutoPipelining: false,
  autoResubscribe: false,
} as const satisfies RedisOptions;

type Options = typeof COMMANDS | typeof ANNOUNCEMENTS;

function openClient({ urls, isCluster }: RedisAddress, options: Options, log: Log, role: string): RedisClient {
  const [first] = urls;
  if (first === undefined) throw new Error('REDIS_URL names no server.');
  const client = isCluster ? openCluster(urls, options) : new Redis(first, options);
  client.on('error', (err: Error) => log.warn({ err, role }, 'redis error'));
  return client;
}

function openCluster(urls: readonly string[], options: Options): Cluster {
  const nodes: ClusterNode[] = urls.map((url) => {
    const { hostname, port } = new URL(url);
    return { host: hostname, port: Number(port || 6379) };
  });
  const { username, password, protocol } = new URL(urls[0] ?? '');
  const {
    lazyConnect: _lazy,
    enableOfflineQueue: _queue,
    enableAutoPipelining: _pipelining,
    retryStrategy,
    ...redisOptions
  } = options;
  const cluster = new Cluster(nodes, {
    lazyConnect: true,
    enableOfflineQueue: false,
    shardedSubscribers: true,
    // Of commands that share a pipeline, one whose slot moved fails instead of being sent where it went.
    enableAutoPipelining: false,
    clusterRetryStrategy: retryStrategy,
    // A command cut off by a closed connection may have run: it is not sent again.
    retryDelayOnFailover: 0,
    slotsRefreshTimeout: 2_000,
    // Commands find out by themselves that a slot moved; a connection that only listens does not always.
    slotsRefreshInterval: 5_000,
    redisOptions: {
      ...redisOptions,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  });
  // A node is connected to by its first command, and others are refused meanwhile: make that command ours,
  // but not before the client has used one of the connections to look whether the cluster is well.
  cluster.on('ready', () => void greetAll(cluster));
  cluster.on('+node', () => setImmediate(() => cluster.status === 'ready' && void greetAll(cluster)));
  return cluster;
}

/** Connects to the nodes of a cluster. One that is down is connected to when a command is sent to it again. */
async function greetAll(cluster: Cluster): Promise<void> {
  await Promise.all(cluster.nodes().map((node) => node.ping().catch(() => undefined)));
}

export function openCommandClient(address: RedisAddress, log: Log): RedisClient {
  return openClient(address, COMMANDS, log, 'commands');
}

export function openSubscriberClient(address: RedisAddress, log: Log): RedisClient {
  return openClient(address, ANNOUNCEMENTS, log, 'announcements');
}

/** Connects, and keeps trying for a while: a server that is loading its data or starting beside us is waited for. */
export async function connect(client: RedisClient, clock: Clock): Promise<void> {
  const ready = new Promise<void>((resolve) => client.once('ready', () => resolve()));
  // A first attempt that fails is followed by others; only the deadline ends them.
  client.connect().catch(() => undefined);
  let cancel = (): void => undefined;
  const deadline = new Promise<never>((_, reject) => {
    const giveUp = (): void => reject(new Error('Redis does not answer at REDIS_URL.'));
    cancel = clock.after(TIMES.redisStartMs, giveUp);
  });
  try {
    await Promise.race([ready, deadline]);
    if (client instanceof Cluster) await greetAll(client);
  } finally {
    cancel();
  }
}
