/** The service under trial: two nodes on Redis, each behind a network of its own, or one node without. */
import { randomUUID } from 'node:crypto';
import type { TestClient } from '../support/client.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { TrialEngine } from './settings.ts';

export interface TrialWorld {
  readonly nodes: readonly [TestService, ...TestService[]];
  readonly servers: readonly RedisServer[];
  readonly proxies: readonly { readonly tcp: TcpProxy; readonly port: number }[];
  close(): Promise<void>;
}

export type Connected = TestClient;

/** What is acknowledged is on the disk: a restart loses nothing. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

export async function openWorld(engine: TrialEngine): Promise<TrialWorld> {
  const prefix = `trial-${randomUUID().slice(0, 8)}`;
  if (engine === 'embedded') {
    const node = await startTestService();
    return { nodes: [node], servers: [], proxies: [], close: () => node.close() };
  }
  if (engine === 'cluster') {
    const cluster = await startRedisCluster();
    const env = { REDIS_URL: cluster.urls.join(','), REDIS_PREFIX: prefix, REDIS_CLUSTER: 'true' };
    const nodes = [await startTestService({ env }), await startTestService({ env })] as const;
    return {
      nodes: [...nodes],
      servers: cluster.servers,
      proxies: [],
      async close() {
        for (const node of nodes) await node.close();
        await cluster.stop();
      },
    };
  }
  const redis = await startRedisServer(...DURABLE);
  const proxies = [await startTcpProxy(redis.port), await startTcpProxy(redis.port)] as const;
  const start = ({ port }: TcpProxy): Promise<TestService> =>
    startTestService({ env: { REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_PREFIX: prefix } });
  const nodes = [await start(proxies[0]), await start(proxies[1])] as const;
  return {
    nodes: [...nodes],
    servers: [redis],
    proxies: proxies.map((tcp) => ({ tcp, port: redis.port })),
    async close() {
      for (const node of nodes) await node.close();
      for (const proxy of proxies) await proxy.close();
      await redis.stop();
    },
  };
}
