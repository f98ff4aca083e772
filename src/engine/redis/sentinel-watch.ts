/**
 * Reconnects as soon as a sentinel reports a new primary.
 *
 * Sentinel demotes the earlier primary about ten seconds later. Until then the earlier primary accepts writes that it
 * loses at its demotion. ioredis has a `failoverDetector`, but it never reconnects to a restarted sentinel, and its
 * errors bypass our log.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { RedisAddress } from '../../config/redis.ts';
import { TIMES } from '../../limits.ts';
import { type RedisClient, retryStrategy, tlsOf } from './client.ts';
import { closedWhenSilent } from './silent-server.ts';

const SWITCHED = '+switch-master';

/** A message is "group old-host old-port new-host new-port". Returns a function that ends the watch. */
export function watchSentinels(address: RedisAddress, clients: readonly RedisClient[], clock: Clock): () => void {
  if (address.kind !== 'sentinel') return () => undefined;
  const tls = tlsOf(address);
  const { sentinelPassword: password } = address;
  const options = {
    retryStrategy,
    autoResubscribe: false,
    enableOfflineQueue: false,
    ...(password && { password }),
    ...(tls && { tls }),
  } satisfies RedisOptions;
  const leave = (message: string): void => {
    if (!message.startsWith(`${address.group} `)) return;
    for (const client of clients) client.disconnect(true);
  };
  const ends = address.hosts.map((host) => {
    const sentinel = closedWhenSilent(new Redis({ ...options, ...host }), TIMES.silentServerMs);
    // A sentinel that is away is retried silently. If none answers, the connections to the server report that.
    sentinel.on('error', () => undefined);
    sentinel.on('message', (_channel, message) => leave(message));
    const stopListening = keepListening(sentinel, clock);
    return () => {
      stopListening();
      sentinel.disconnect();
    };
  });
  return () => {
    for (const end of ends) end();
  };
}

/**
 * Subscribes at each connection, and again after a refusal. A connection that hears asks for an answer now and then:
 * otherwise one whose other end is gone would stay open for ever.
 */
function keepListening(sentinel: Redis, clock: Clock): () => void {
  let hears = false;
  const listen = (): void => {
    sentinel.subscribe(SWITCHED).then(
      () => {
        hears = true;
      },
      () => undefined,
    );
  };
  sentinel.on('close', () => {
    hears = false;
  });
  sentinel.on('ready', listen);
  return clock.every(TIMES.sentinelCheckMs, () => {
    if (sentinel.status !== 'ready') return;
    if (hears) sentinel.ping().catch(() => undefined);
    else listen();
  });
}
