/**
 * Connections to Redis, one for commands and one for announcements.
 *
 * Commands are neither queued while the server is away nor sent again after a
 * reconnect: a write whose answer was lost must not run twice. A timeout means
 * that the outcome is unknown.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { RedisAddress } from '../../config-redis.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import { isDemoted } from './outage.ts';

export type RedisClient = Redis | Cluster;

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

type Found = (error: null, host: string) => void;
type Options = typeof COMMANDS | typeof ANNOUNCEMENTS;

function openClient(address: RedisAddress, options: Options, log: Log, role: string): RedisClient {
  const client = address.kind === 'cluster' ? openCluster(address, options) : openServer(address, options);
  client.on('error', (err: Error) => log.warn({ err, role }, 'redis error'));
  return client;
}

/** Options of TLS; undefined for a connection without it. */
function tlsOf({ isEncrypted, caFile, certFile, keyFile }: RedisAddress): ConnectionOptions | undefined {
  if (!isEncrypted) return undefined;
  const read = (file: string | null): Buffer | undefined => (file === null ? undefined : readFileSync(file));
  return withoutUndefined({ ca: read(caFile), cert: read(certFile), key: read(keyFile) });
}

const withoutUndefined = <Value extends object>(value: Value): Partial<Value> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<Value>;

/** User and password for the servers, which are not those for the sentinels. */
const loginOf = ({ username, password }: RedisAddress): Pick<RedisOptions, 'username' | 'password'> =>
  withoutUndefined({ username: username || undefined, password: password || undefined });

function openServer(address: RedisAddress, options: Options): Redis {
  const tls = tlsOf(address);
  const shared = { ...options, ...loginOf(address), db: address.database, ...(tls ? { tls } : {}) };
  const [first] = address.hosts;
  if (address.kind === 'single') return new Redis({ ...shared, ...first });
  return new Redis({
    ...shared,
    sentinels: [...address.hosts],
    name: address.group,
    sentinelCommandTimeout: TIMES.operationMs,
    ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
    ...(address.sentinelPassword ? { sentinelPassword: address.sentinelPassword } : {}),
  });
}

function openCluster(address: RedisAddress, options: Options): Cluster {
  const tls = tlsOf(address);
  const {
    lazyConnect: _lazy,
    enableOfflineQueue: _queue,
    enableAutoPipelining: _pipelining,
    retryStrategy,
    ...redisOptions
  } = options;
  const cluster = new Cluster([...address.hosts], {
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
    // A certificate names hosts: none of them may be turned into an address before the connection is made. Without one,
    // too: told to connect anew while it looks names up, as it is when all nodes are away, the client would never again.
    dnsLookup: (host: string, done: Found) => done(null, host),
    redisOptions: { ...redisOptions, ...loginOf(address), ...(tls ? { tls } : {}) },
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

/** @throws {Error} naming the database when the server does not have it. The driver would go on in database 0. */
export async function checkDatabase(client: RedisClient, database: number): Promise<void> {
  if (client instanceof Cluster || database === 0) return;
  try {
    await client.select(database);
  } catch (error) {
    throw new Error(`REDIS_URL names database ${database}: ${(error as Error).message}`);
  }
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
