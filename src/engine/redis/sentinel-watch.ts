/**
 * Reconnects as soon as a sentinel reports a new primary.
 *
 * Sentinel demotes the earlier primary about ten seconds later. Until then the earlier primary accepts writes that it
 * loses at its demotion. ioredis has a `failoverDetector`, but it never reconnects to a restarted sentinel, and its
 * errors bypass our log.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../../config/redis.ts';
import { type RedisClient, retryStrategy, tlsOf } from './client.ts';

const SWITCHED = '+switch-master';

/** A message is "group old-host old-port new-host new-port". Returns a function that ends the watch. */
export function watchSentinels(address: RedisAddress, clients: readonly RedisClient[]): () => void {
  if (address.kind !== 'sentinel') return () => undefined;
  const tls = tlsOf(address);
  const { sentinelPassword: password } = address;
  const options = {
    retryStrategy,
    maxRetriesPerRequest: null,
    ...(password && { password }),
    ...(tls && { tls }),
  } satisfies RedisOptions;
  const leave = (message: string): void => {
    if (!message.startsWith(`${address.group} `)) return;
    for (const client of clients) client.disconnect(true);
  };
  const watches = address.hosts.map((host) => {
    const sentinel = new Redis({ ...options, ...host });
    // A sentinel that is away is retried silently. If none answers, the connections to the server report that.
    sentinel.on('error', () => undefined);
    sentinel.on('message', (_channel, message) => leave(message));
    sentinel.subscribe(SWITCHED).catch(() => undefined);
    return sentinel;
  });
  return () => {
    for (const watch of watches) watch.disconnect();
  };
}
