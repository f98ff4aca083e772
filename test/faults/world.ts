/** Two nodes on one Redis, the first through a network that can go silent. */
import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { MovableClock } from '../support/test-clock.ts';

export interface FaultWorld {
  readonly redis: RedisServer;
  readonly network: TcpProxy;
  readonly nodes: readonly TestService[];
  close(): Promise<void>;
}

export interface FaultWorldOptions {
  readonly redisSettings?: readonly string[];
  /** Of the node whose network can fail. */
  readonly clock?: MovableClock;
}

export async function startWorld({ redisSettings = [], clock }: FaultWorldOptions = {}): Promise<FaultWorld> {
  const redis = await startRedisServer(...redisSettings);
  const network = await startTcpProxy(redis.port);
  const env = { REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}` };
  const nodes = [
    await startTestService({
      env: { ...env, REDIS_URL: `redis://127.0.0.1:${network.port}` },
      ...(clock ? { clock } : {}),
    }),
    await startTestService({ env: { ...env, REDIS_URL: redis.url } }),
  ];
  return {
    redis,
    network,
    nodes,
    async close() {
      for (const node of nodes) await node.close();
      await network.close();
      await redis.stop();
    },
  };
}
