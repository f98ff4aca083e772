/** The Redis engine: one connection for commands, one for announcements, one lease. */
import { Cluster } from 'ioredis';
import type { RedisAddress } from '../../config/redis.ts';
import { unavailable } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Engine } from '../port.ts';
import { connect, type RedisClient } from './client.ts';
import { checkKind } from './diagnosis.ts';
import { createParts, type RedisOptions, type RedisParts } from './engine-parts.ts';
import { checkPermissions } from './permissions.ts';
import { checkSchema } from './schema.ts';
import { watchSentinels } from './sentinel-watch.ts';
import { startUp } from './start.ts';
import { describe, StartRefused } from './start-fault.ts';
import { createStores } from './stores.ts';

/** @throws {StartRefused} when the server does not have the database, since the driver would continue in database 0. */
async function checkDatabase(client: RedisClient, database: number): Promise<void> {
  if (client instanceof Cluster || database === 0) return;
  await client.select(database).catch((error: Error) => {
    if (!/out of range|invalid DB/i.test(error.message)) throw error;
    throw new StartRefused(`REDIS_URL names database ${database}: ${error.message}`);
  });
}

/**
 * @throws {StartFault} when a single server is configured and this is a cluster node. The cluster client detects the
 * opposite itself.
 */
async function checkMode(client: RedisClient, address: RedisAddress): Promise<void> {
  if (client instanceof Cluster) return;
  const [{ host, port } = { host: '', port: 0 }] = address.hosts;
  checkKind(address, await client.info('server').catch(() => ''), `${host}:${port}`);
}

/** Connects, and refuses a server that cannot keep the guarantees. */
async function start(parts: RedisParts, options: RedisOptions): Promise<void> {
  const { address, prefix } = options;
  const { client, subscriber, listening, requirements, keys, presence, reconciliation } = parts;
  await startUp(async () => {
    await Promise.all([connect(client), subscriber.connect()]);
    await checkDatabase(client, address.database);
    await checkMode(client, address);
    await checkPermissions({ commands: client, announcements: listening, prefix });
    await requirements.enforce();
    parts.starting.form.isCompact = await checkSchema(client, keys, prefix);
    await presence.start();
    await reconciliation?.start();
  }, options);
  parts.starting.isOver = true;
}

/** The path of `/health/detailed` may be open to anybody: it names no address. */
const NAMELESS = { at: 'its server', login: 'REDIS_URL' } as const;

/** The reason of a failed check; without a connection, the reason that there is none. */
function reasonOf(error: Error, { client, connection }: RedisParts): string {
  const fault = client.status === 'ready' ? error : connection.fault;
  return fault ? (describe(fault, NAMELESS) ?? fault.message) : 'REDIS_URL: the connection to its server is closed.';
}

async function checkHealth(parts: RedisParts): ReturnType<Engine['checkHealth']> {
  const { client, requirements, keys } = parts;
  const start = performance.now();
  let reason = requirements.fault;
  try {
    // A write, since a server that only answers reads cannot serve.
    await client.set(keys.health(), '1', 'PX', TIMES.healthKeyMs);
  } catch (error) {
    reason = reasonOf(error as Error, parts);
  }
  const status = reason === null ? 'up' : 'down';
  return { status, latencyMs: performance.now() - start, reason };
}

export async function openRedisEngine(options: RedisOptions): Promise<Engine> {
  const parts = createParts(options);
  const { client, subscriber, marks, reconciliation, leftBehind, updates, outbox, presence, bus } = parts;
  const unwatch = watchSentinels(options.address, [client, parts.listening], options.clock);
  let stopWatching = (): void => undefined;
  let isClosed = false;

  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    stopWatching();
    unwatch();
    marks.close();
    reconciliation?.close();
    leftBehind.close();
    updates.close();
    // Departures are events, too.
    await presence.stop(options.presenceGraceMs).catch(() => undefined);
    await outbox.close();
    subscriber.close();
    client.disconnect();
  }

  try {
    await start(parts, options);
    stopWatching = parts.requirements.watch(options.clock);
    leftBehind.start();
  } catch (error) {
    unwatch();
    marks.close();
    reconciliation?.close();
    subscriber.close();
    client.disconnect();
    throw error;
  }

  return {
    kind: 'redis',
    ...createStores(parts),
    listen: (channel, listener) => (isClosed ? Promise.reject(unavailable()) : bus.listen(channel, listener)),
    checkHealth: () => checkHealth(parts),
    close,
  };
}
