/** Nodes in processes of their own. */
import { randomUUID } from 'node:crypto';
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET } from '../support/service.ts';
import type { Endpoint } from './load.ts';

type Settings = Readonly<Record<string, string>>;
/** By the index of the node. */
type SettingsOf = (index: number) => Settings;

export interface Fleet {
  readonly programs: Program[];
  readonly endpoints: readonly Endpoint[];
  /** Starts the node of an endpoint again; of another release where its folder is given. */
  restart(index: number, release?: URL): Promise<void>;
  close(): Promise<void>;
}

/** Nodes of one service, of this checkout or of a release. */
export async function startFleet(count: number, settingsOf: SettingsOf, release?: URL): Promise<Fleet> {
  const ports: number[] = [];
  const programs: Program[] = [];
  const env = {
    HOST: '127.0.0.1',
    REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}`,
    JWT_SECRET: SECRET,
    RATE_LIMIT_ENABLED: 'false',
    MAX_CONNECTIONS_PER_USER: '100000',
  };
  const start = async (index: number, root?: URL): Promise<void> => {
    const own = { ...env, ...settingsOf(index), PORT: String(ports[index]) };
    programs[index] = await startProgram('src/main.ts', own, /service started/, root);
  };
  for (let index = 0; index < count; index += 1) {
    ports.push(await freePort());
    await start(index, release);
  }
  return {
    programs,
    endpoints: ports.map((port) => ({ url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}/graphql` })),
    restart: start,
    async close() {
      for (const program of programs) await program.stop('SIGKILL');
    },
  };
}

export interface Cluster extends Fleet {
  readonly redis: RedisServer;
}

/** Nodes on one Redis; `settings` are of all of them, or those of each. */
export async function startCluster(
  count: number,
  settings: Settings | SettingsOf = {},
  ...redisSettings: string[]
): Promise<Cluster> {
  const redis = await startRedisServer(...redisSettings);
  const fleet = await startFleet(count, (index) => ({
    REDIS_URL: redis.url,
    ...(typeof settings === 'function' ? settings(index) : settings),
  }));
  return {
    ...fleet,
    redis,
    async close() {
      await fleet.close();
      await redis.stop();
    },
  };
}
