/** A restart as clients see it: one address, behind it an old node and the next, which are one service. */
import { metric } from './metrics.ts';
import { startTestService, type TestService } from './service.ts';
import { onSharedRedis } from './shared-redis.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export interface Restart {
  readonly old: TestService;
  readonly next: TestService;
  /** Leads to the old node until it ends. */
  readonly network: TcpProxy;
  /** Of GraphQL, over that network. */
  readonly url: string;
  /** New connections lead to the next node, and the old one drains. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startRestart(): Promise<Restart> {
  const env = onSharedRedis();
  const [old, next] = await Promise.all([startTestService({ env }), startTestService({ env })]);
  const network = await startTcpProxy(old.service.port);
  return {
    old,
    next,
    network,
    url: `http://127.0.0.1:${network.port}/graphql`,
    async restart() {
      network.lead(next.service.port);
      await old.close();
    },
    async close() {
      await network.close();
      await Promise.all([old.close(), next.close()]);
    },
  };
}

/** Subscriptions that a node carries, whatever carries them. */
export const carriedBy = ({ url }: TestService): Promise<number> => metric(url, 'realtime_subscriptions');
