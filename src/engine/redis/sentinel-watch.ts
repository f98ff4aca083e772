/**
 * Leaves a primary as soon as a sentinel says that another took over.
 *
 * A sentinel demotes the earlier primary about ten seconds later. Until then that takes writes, answers them, and loses them when it is
 * demoted. ioredis can listen as well (`failoverDetector`), but never again to a sentinel that restarted, and reports
 * one that is away past every log.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../../config/redis.ts';
import { type RedisClient, retryStrategy, tlsOf } from './client.ts';

const SWITCHED = '+switch-master';

/** A message is "group old-host old-port new-host new-port". Answers what ends the watch. */
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
    // One that is away is waited for. That none answers is said by the connections to the server.
    sentinel.on('error', () => undefined);
    sentinel.on('message', (_channel, message) => leave(message));
    sentinel.subscribe(SWITCHED).catch(() => undefined);
    return sentinel;
  });
  return () => {
    for (const watch of watches) watch.disconnect();
  };
}
