/** Where a Redis is, as the configuration tells the engine: several URLs are a cluster. */

import type { RedisAddress } from '../../src/config/redis.ts';
import { readConfig } from '../../src/config.ts';

export function redisAddress(...urls: readonly string[]): RedisAddress {
  const { redis } = readConfig({ REDIS_URL: urls.join(',') });
  if (!redis) throw new Error('There is no URL.');
  return redis.address;
}
