/** Nodes in processes of their own, on one Redis. */
import { randomUUID } from 'node:crypto';
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET } from '../support/service.ts';
import type { Endpoint } from './load.ts';

export interface Cluster {
  readonly redis: RedisServer;
  readonly programs: Program[];
  readonly endpoints: readonly Endpoint[];
  /** Starts the node of an endpoint again. */
  restart(index: number): Promise<void>;
  close(): Promise<void>;
}

export async function startCluster(
  count: number,
  settings: Readonly<Record<string, string>> = {},
  ...redisSettings: string[]
): Promise<Cluster> {
  const redis = await startRedisServer(...redisSettings);
  const ports: number[] = [];
  const programs: Program[] = [];
  const env = {
    HOST: '127.0.0.1',
    REDIS_URL: redis.url,
    REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}`,
    JWT_SECRET: SECRET,
    RATE_LIMIT_ENABLED: 'false',
    MAX_CONNECTIONS_PER_USER: '100000',
    ...settings,
  };
  const start = async (index: number): Promise<void> => {
    const port = String(ports[index]);
    programs[index] = await startProgram('src/main.ts', { ...env, PORT: port }, /service started/);
  };
  for (let index = 0; index < count; index += 1) {
    ports.push(await freePort());
    await start(index);
  }
  return {
    redis,
    programs,
    endpoints: ports.map((port) => ({ url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}/graphql` })),
    restart: start,
    async close() {
      for (const program of programs) await program.stop('SIGKILL');
      await redis.stop();
    },
  };
}
