/** The scripts of the service, run one by one on the Redis that tests share, and what they leave there. */
import { Redis } from 'ioredis';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';

/** For a block of tests, which closes the connection. */
export function scriptsOnRedis(): { readonly redis: Redis; readonly run: RunScript } {
  const redis = new Redis(sharedRedisUrl());
  afterAll(() => redis.disconnect());
  return { redis, run: defineScripts(redis) };
}
