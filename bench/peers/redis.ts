/** Connections to Redis of the peers that use ioredis. */
import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';

/**
 * A connection that is ready before anybody can subscribe.
 *
 * A subscription made while ioredis still connects may overtake its ready check
 * and end the process (redis/ioredis#2037), which is not part of the measurement.
 */
export async function connectRedis(options: Pick<RedisOptions, 'enableAutoPipelining'> = {}): Promise<Redis> {
  const redis = new Redis(process.env['REDIS_URL'] ?? '', options);
  await once(redis, 'ready');
  return redis;
}
