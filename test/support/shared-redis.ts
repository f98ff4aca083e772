/**
 * The Redis of this worker, which all its files share: to be used with a prefix of one's own.
 *
 * Who kills it, configures it, or looks at all of it, starts one with `startRedisServer`.
 */
import { randomUUID } from 'node:crypto';
import { LATENCY_MS } from './distance.ts';

export const sharedRedisUrl = (): string => {
  const url = process.env[`TEST_REDIS_${LATENCY_MS > 0 ? 'FAR_' : ''}${process.env['JEST_WORKER_ID']}`];
  if (!url) throw new Error('No Redis was started for this worker: see test/jest/start-redis.ts.');
  return url;
};

/** Settings of a service on the shared Redis. Nodes that are given the same ones are one service. */
export const onSharedRedis = (): { REDIS_URL: string; REDIS_PREFIX: string } => ({
  REDIS_URL: sharedRedisUrl(),
  REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}`,
});
