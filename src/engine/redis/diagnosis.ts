/**
 * Finds out why Redis cannot be reached at the start, over its own short connections.
 *
 * The client's own errors often say only that the connection was closed; with a cluster always.
 */
import { connect as connectClear, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Redis } from 'ioredis';
import type { RedisAddress, RedisHost } from '../../config/redis.ts';
import { TIMES } from '../../limits.ts';
import { loginOf, tlsOf } from './client.ts';
import { describe, forbiddenBy, StartFault, untrusting, type Where } from './start-fault.ts';

const LOOK_MS = TIMES.startLookMs;

/** The fault that all servers of `REDIS_URL` have; null: none, or not all. */
export async function diagnose(address: RedisAddress): Promise<string | null> {
  const look = address.kind === 'sentinel' ? lookAtSentinel : lookAtServer;
  const faults = await Promise.all(address.hosts.map((host) => look(address, host)));
  return faults.includes(null) ? null : (faults[0] ?? null);
}

/** @throws {StartFault} when the server is of another kind than the settings say. */
export function checkKind({ kind }: Pick<RedisAddress, 'kind'>, info: string, at: string): void {
  const [, mode = 'standalone'] = /^redis_mode:(\w+)/m.exec(info) ?? [];
  if (mode === 'sentinel') throw new StartFault(`REDIS_URL: ${at} is a sentinel; use redis+sentinel://.`);
  if (mode === 'cluster' && kind !== 'cluster') {
    throw new StartFault(`REDIS_CLUSTER: takes true, since ${at} is a node of a Redis Cluster.`);
  }
  if (mode !== 'cluster' && kind === 'cluster') {
    throw new StartFault(`REDIS_CLUSTER: takes false, since ${at} is not a node of a Redis Cluster.`);
  }
}

const atOf = ({ host, port }: RedisHost): string => `${host}:${port}`;

async function lookAtServer(address: RedisAddress, host: RedisHost): Promise<string | null> {
  const where: Where = { at: atOf(host), login: 'REDIS_URL' };
  return ask(address, host, where, loginOf(address), async (client) => {
    const info = await client.info().catch((error: Error) => {
      throw forbiddenBy('INFO', error) ?? error;
    });
    checkKind(address, info, where.at);
    if (/^loading:1/m.test(info)) throw new StartFault(describe(new Error('LOADING'), where) ?? '');
    if (address.kind !== 'cluster') return;
    const state = await client.call('CLUSTER', 'INFO').catch(() => '');
    if (String(state).includes('cluster_state:fail'))
      throw new StartFault(describe(new Error('CLUSTERDOWN'), where) ?? '');
  });
}

async function lookAtSentinel(address: RedisAddress, host: RedisHost): Promise<string | null> {
  const where: Where = { at: atOf(host), login: 'REDIS_SENTINEL_PASSWORD' };
  const login = address.sentinelPassword === null ? {} : { password: address.sentinelPassword };
  let primary: RedisHost | null = null;
  const fault = await ask(address, host, where, login, async (client) => {
    const found = await client.call('SENTINEL', 'get-master-addr-by-name', address.group).catch((error: Error) => {
      throw error.message.includes('unknown command')
        ? new StartFault(`REDIS_URL: ${where.at} is not a sentinel; use redis://.`)
        : error;
    });
    if (!Array.isArray(found)) throw new StartFault(`REDIS_URL: the sentinels do not know the group ${address.group}.`);
    primary = { host: String(found[0]), port: Number(found[1]) };
  });
  return fault ?? (primary && lookAtServer(address, primary));
}

/** The fault of this server; null when `find` throws nothing. */
async function ask(
  address: RedisAddress,
  host: RedisHost,
  where: Where,
  login: ReturnType<typeof loginOf>,
  find: (client: Redis) => Promise<void>,
): Promise<string | null> {
  const tls = tlsOf(address);
  const client = new Redis({
    ...host,
    ...login,
    ...(tls ? { tls } : {}),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: LOOK_MS,
    commandTimeout: LOOK_MS,
  });
  // Later errors only say that the connection was closed.
  let first: Error | null = null;
  client.on('error', (error: Error) => {
    first ??= error;
  });
  try {
    await client.connect();
    await find(client);
    return null;
  } catch (error) {
    const cause = first ?? (error as Error);
    return (
      describe(cause, where) ??
      (await describeTalk(address, host, where, isCutOff(cause))) ??
      `REDIS_URL: ${where.at}: ${cause.message}.`
    );
  } finally {
    client.disconnect();
  }
}

const isCutOff = ({ code }: NodeJS.ErrnoException): boolean => code === 'ECONNRESET' || code === 'EPIPE';

/** Examines a server that ends connections or does not answer, by one request without TLS and one with TLS. */
async function describeTalk(
  { isEncrypted, certFile, kind }: RedisAddress,
  host: RedisHost,
  where: Where,
  wasCutOff: boolean,
): Promise<string | null> {
  const { at } = where;
  const [clear, isTls] = await Promise.all([answerInClear(host), speaksTls(host)]);
  const [scheme, encrypted] = kind === 'sentinel' ? ['redis+sentinel', 'rediss+sentinel'] : ['redis', 'rediss'];
  const isRedis = clear !== null && /^[+-]/.test(clear);
  if (isEncrypted && isRedis)
    return `REDIS_URL: ${at} does not speak TLS; use ${scheme}:// instead of ${encrypted}://.`;
  if (isEncrypted && isTls && certFile === null) return `REDIS_CERT_FILE: ${at} wants a certificate of this service.`;
  // With TLS 1.3 a server refuses the certificate after the handshake, and its reason may be lost with the connection.
  if (isEncrypted && isTls && wasCutOff) return untrusting(at);
  if (!isEncrypted && isTls) return `REDIS_URL: ${at} speaks TLS; use ${encrypted}:// instead of ${scheme}://.`;
  if (isRedis) return describe(new Error(clear.slice(1).trim()), where);
  if (isTls) return null;
  return clear === null ? `REDIS_URL: ${at} does not answer.` : `REDIS_URL: the server at ${at} is not Redis.`;
}

/** Waits for an event of a socket, up to a time limit. */
function comes(socket: Socket, event: 'data' | 'secureConnect'): Promise<Buffer | true | null> {
  return new Promise((resolve) => {
    const answer = (found: Buffer | true | null): void => {
      resolve(found);
      socket.destroy();
    };
    socket.setTimeout(LOOK_MS, () => answer(null));
    socket.once('error', () => answer(null)).once('close', () => answer(null));
    socket.once(event, (chunk?: Buffer) => answer(chunk ?? true));
  });
}

/** A Redis answers with a status or an error, `+` or `-`. Null: nothing. */
async function answerInClear(host: RedisHost): Promise<string | null> {
  const socket = connectClear({ ...host });
  socket.write('PING\r\n');
  const answer = await comes(socket, 'data');
  return Buffer.isBuffer(answer) ? answer.toString('latin1') : null;
}

async function speaksTls(host: RedisHost): Promise<boolean> {
  // No data is sent, so the certificate need not be verified.
  return (await comes(connectTls({ ...host, rejectUnauthorized: false }), 'secureConnect')) !== null;
}
