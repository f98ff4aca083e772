/**
 * Connections to Redis, one for commands and one for announcements.
 *
 * Commands are neither queued while the server is away nor resent after a reconnect, since a write whose answer was
 * lost must not run twice. A timeout means that the outcome is unknown.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, type Command, Redis, type RedisOptions } from 'ioredis';
import { deadline } from '../../clock.ts';
import type { RedisAddress } from '../../config/redis.ts';
import { TIMES } from '../../limits.ts';
import { inOneWrite } from './one-write.ts';
import { isDemoted } from './outage.ts';
import { closedWhenSilent } from './silent-server.ts';

export type RedisClient = Redis | Cluster;

/** The reconnect delay: exponential back-off with jitter. */
export const retryStrategy = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2);

const COMMANDS = {
  lazyConnect: true,
  connectTimeout: 2_000,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // A demoted primary keeps its connections, so a new connection asks DNS or Sentinel for the primary.
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
/** Called with each error of a connection. */
export type ReportClientError = (error: Error, role: string) => void;

function openClient(address: RedisAddress, options: Options, report: ReportClientError, role: string): RedisClient {
  const client = address.kind === 'cluster' ? openCluster(address, options) : openServer(address, options);
  client.on('error', (error: Error) => report(error, role));
  return withDeadlines(reconnecting(client));
}

/**
 * Connects again whenever ioredis has given up; only `disconnect()` ends a client. ioredis gives up when the attempt to
 * find a server fails for another reason, as when `disconnect(true)` arrives while it waits for a sentinel.
 */
function reconnecting(client: RedisClient): RedisClient {
  let isClosed = false;
  let stopWaiting = (): void => undefined;
  const disconnect = client.disconnect.bind(client);
  client.disconnect = (isToReconnect = false) => {
    if (!isToReconnect) {
      isClosed = true;
      stopWaiting();
    }
    disconnect(isToReconnect);
  };
  client.on('end', () => {
    // A failed attempt ends the client once more, or is retried by ioredis.
    const connectAgain = (): unknown => client.connect().catch(() => undefined);
    if (!isClosed) stopWaiting = deadline(retryStrategy(1), connectAgain);
  });
  return client;
}

/**
 * Fails a command without an answer in time. ioredis' `commandTimeout` is not used: after a stall of this process it
 * would also fail commands whose answers wait to be read.
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

/** TLS options; undefined for a connection without TLS. */
export function tlsOf({ isEncrypted, caFile, certFile, keyFile }: RedisAddress): ConnectionOptions | undefined {
  if (!isEncrypted) return undefined;
  const read = (file: string | null): Buffer | undefined => (file === null ? undefined : readFileSync(file));
  return withoutUndefined({ ca: read(caFile), cert: read(certFile), key: read(keyFile) });
}

const withoutUndefined = <Value extends object>(value: Value): Partial<Value> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<Value>;

/** User and password for the servers; the sentinels have others. */
export const loginOf = ({ username, password }: RedisAddress): Pick<RedisOptions, 'username' | 'password'> =>
  withoutUndefined({ username: username || undefined, password: password || undefined });

/** For connections whose commands must not fail because of a stall of this process. */
const watched = (client: Redis): Redis => closedWhenSilent(inOneWrite(client), TIMES.silentServerMs);

function openServer(address: RedisAddress, options: Options): Redis {
  const tls = tlsOf(address);
  const shared = { ...options, ...loginOf(address), db: address.database, ...(tls ? { tls } : {}) };
  const [first] = address.hosts;
  if (address.kind === 'single') return watched(new Redis({ ...shared, ...first }));
  return watched(
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
  // The library opens the connections of announcements by itself, and closes them by its own rule. Closing one loses no change.
  const silence = 'autoResubscribe' in options ? { socketTimeout: TIMES.silentServerMs } : {};
  const cluster = new Cluster([...address.hosts], {
    lazyConnect: true,
    enableOfflineQueue: false,
    shardedSubscribers: true,
    clusterRetryStrategy: again,
    // A command cut off by a closed connection may have run, so it is not resent.
    retryDelayOnFailover: 0,
    slotsRefreshTimeout: 2_000,
    // Commands notice that a slot moved; a connection for announcements does not always.
    slotsRefreshInterval: 5_000,
    // Does not resolve names, since certificates name hosts. Also without TLS: a reconnect during a lookup, as when all
    // nodes are away, would stop the client for ever.
    dnsLookup: (host: string, done: Found) => done(null, host),
    redisOptions: { ...redisOptions, ...silence, ...loginOf(address), ...(tls ? { tls } : {}) },
  });
  cluster.on('+node', watched);
  // A node is connected by its first command, and others fail meanwhile, so that command is sent here. Not before
  // `ready`: the client checks the cluster over one of the connections first.
  cluster.on('ready', () => void greetAll(cluster));
  cluster.on('+node', () => setImmediate(() => cluster.status === 'ready' && void greetAll(cluster)));
  return cluster;
}

/** Connects to the nodes of a cluster. A node that is down is connected by a later command. */
async function greetAll(cluster: Cluster): Promise<void> {
  await Promise.all(cluster.nodes().map((node) => node.ping().catch(() => undefined)));
}

export function openCommandClient(address: RedisAddress, report: ReportClientError): RedisClient {
  return openClient(address, COMMANDS, report, 'commands');
}

export function openSubscriberClient(address: RedisAddress, report: ReportClientError): RedisClient {
  return openClient(address, ANNOUNCEMENTS, report, 'announcements');
}

/** Connects, and waits as long as needed for a server that is starting or loading its data. */
export async function connect(client: RedisClient): Promise<void> {
  if (client.status !== 'ready') {
    const ready = new Promise<void>((resolve) => client.once('ready', () => resolve()));
    // The client retries a failed first attempt.
    if (client.status === 'wait') client.connect().catch(() => undefined);
    await ready;
  }
  if (client instanceof Cluster) await greetAll(client);
}
