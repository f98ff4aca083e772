/**
 * Connections to Redis, one for commands and one for announcements.
 *
 * Commands are neither queued while the server is away nor sent again after a
 * reconnect: a write whose answer was lost must not run twice. A timeout means
 * that the outcome is unknown.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, type Command, Redis, type RedisOptions } from 'ioredis';
import { deadline } from '../../clock.ts';
import type { RedisAddress } from '../../config/redis.ts';
import { TIMES } from '../../limits.ts';
import { inOneWrite } from './one-write.ts';
import { isDemoted } from './outage.ts';

export type RedisClient = Redis | Cluster;

/** When to connect again: soon at first, then less and less often, and not all at once. */
export const retryStrategy = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2);

const COMMANDS = {
  lazyConnect: true,
  connectTimeout: 2_000,
  socketTimeout: 5_000,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // A demoted primary keeps its connections. A new one asks the name, or Sentinel, where the primary is.
  reconnectOnError: isDemoted,
  retryStrategy,
} as const satisfies RedisOptions;

const ANNOUNCEMENTS = {
  ...COMMANDS,
  autoResubscribe: false,
} as const satisfies RedisOptions;

type Send = Redis['sendCommand'];
type Where = Parameters<Send> extends [Command, ...infer More] ? More : never;
type Found = (error: null, host: string) => void;
type Options = typeof COMMANDS | typeof ANNOUNCEMENTS;
/** Told of each error of a connection. */
export type Told = (error: Error, role: string) => void;

function openClient(address: RedisAddress, options: Options, told: Told, role: string): RedisClient {
  const client = address.kind === 'cluster' ? openCluster(address, options) : openServer(address, options);
  client.on('error', (error: Error) => told(error, role));
  return withDeadlines(client);
}

/**
 * Fails a command that has no answer in time. ioredis would, too, by its `commandTimeout`, and behind a stall of this
 * process also one whose answer is here and not read yet.
 */
function withDeadlines(client: RedisClient): RedisClient {
  const send: Send = client.sendCommand;
  client.sendCommand = (command: Command, ...where: Where) => {
    const answer = send.call(client, command, ...where);
    if (command.isSettled) return answer;
    const cancel = deadline(TIMES.operationMs, () => command.reject(new Error('Command timed out')));
    command.promise.then(cancel, cancel);
    return answer;
  };
  return client;
}

/** Options of TLS; undefined for a connection without it. */
export function tlsOf({ isEncrypted, caFile, certFile, keyFile }: RedisAddress): ConnectionOptions | undefined {
  if (!isEncrypted) return undefined;
  const read = (file: string | null): Buffer | undefined => (file === null ? undefined : readFileSync(file));
  return withoutUndefined({ ca: read(caFile), cert: read(certFile), key: read(keyFile) });
}

const withoutUndefined = <Value extends object>(value: Value): Partial<Value> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<Value>;

/** User and password for the servers, which are not those for the sentinels. */
export const loginOf = ({ username, password }: RedisAddress): Pick<RedisOptions, 'username' | 'password'> =>
  withoutUndefined({ username: username || undefined, password: password || undefined });

function openServer(address: RedisAddress, options: Options): Redis {
  const tls = tlsOf(address);
  const shared = { ...options, ...loginOf(address), db: address.database, ...(tls ? { tls } : {}) };
  const [first] = address.hosts;
  if (address.kind === 'single') return inOneWrite(new Redis({ ...shared, ...first }));
  return inOneWrite(
    new Redis({
      ...shared,
      sentinels: [...address.hosts],
      name: address.group,
      sentinelCommandTimeout: TIMES.operationMs,
      ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
      ...(address.sentinelPassword ? { sentinelPassword: address.sentinelPassword } : {}),
    }),
  );
}

function openCluster(address: RedisAddress, options: Options): Cluster {
  const tls = tlsOf(address);
  const { lazyConnect: _lazy, enableOfflineQueue: _queue, retryStrategy: again, ...redisOptions } = options;
  const cluster = new Cluster([...address.hosts], {
    lazyConnect: true,
    enableOfflineQueue: false,
    shardedSubscribers: true,
    clusterRetryStrategy: again,
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
  cluster.on('+node', inOneWrite);
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

export function openCommandClient(address: RedisAddress, told: Told): RedisClient {
  return openClient(address, COMMANDS, told, 'commands');
}

export function openSubscriberClient(address: RedisAddress, told: Told): RedisClient {
  return openClient(address, ANNOUNCEMENTS, told, 'announcements');
}

/** Connects, however long that takes: a server that is loading its data or starting beside us is waited for. */
export async function connect(client: RedisClient): Promise<void> {
  if (client.status !== 'ready') {
    const ready = new Promise<void>((resolve) => client.once('ready', () => resolve()));
    // A first attempt that fails is followed by others.
    if (client.status === 'wait') client.connect().catch(() => undefined);
    await ready;
  }
  if (client instanceof Cluster) await greetAll(client);
}
