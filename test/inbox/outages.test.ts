/**
 * The inbox over restarts and failovers of Redis, on two nodes: nothing stored is lost, and clients show all of it
 * (G19).
 */

import { LossyPair } from '../consistency/lossy-pair.ts';
import fc from '../support/fast-check.ts';
import { type Gateway, placeForGateway, startGateway } from '../support/gateway.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startTestService } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { TestClock } from '../support/test-clock.ts';
import { type Act, type HistoryWorld, InboxHistory, WEIGHTS } from './history.ts';
import { stepsOf } from './steps.ts';
import { BEHIND_GATEWAY, WAYS } from './ways.ts';

const MANY = Number(process.env['MANY']) || 1;
const OUTAGES: readonly (readonly [Act, number])[] = [
  ['restart', 1],
  ['fail-over', 1],
];
const STORED = ['--appendonly', 'yes', '--appendfsync', 'always'] as const;

interface Outages {
  /** Each client is on one of the nodes. */
  readonly direct: HistoryWorld;
  readonly behindGateway: HistoryWorld;
  close(): Promise<void>;
}

async function openOutages(): Promise<Outages> {
  const servers = [await startRedisServer(...STORED), await startRedisServer(...STORED)] as const;
  const networks = [await startTcpProxy(servers[0].port), await startTcpProxy(servers[0].port)];
  const pair = await LossyPair.open(servers[0], servers[1], networks);
  const clock = new TestClock();
  const start = ({ port }: { readonly port: number }) =>
    startTestService({ clock, env: { REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_PREFIX: 'outages' } });
  const services = await Promise.all(networks.map(start));
  const [first] = services;
  if (!first) throw new Error('There are two nodes.');
  // The gateway reaches one node or the other by the same address.
  const front = await startTcpProxy(first.service.port);
  const gateway: Gateway = await startGateway(await placeForGateway(), `http://127.0.0.1:${front.port}`);
  const outages = {
    isAllKept: true,
    restartRedis: () => pair.restart(),
    // Nothing is written meanwhile: the replica has it all.
    failOver: () => pair.failOver(null, 0),
  };
  return {
    direct: { clock, ...outages, nodes: services.map((service) => ({ service, reach: () => service.url })) },
    behindGateway: {
      clock,
      ...outages,
      nodes: services.map((service) => ({
        service,
        reach: () => {
          front.lead(service.service.port);
          return gateway.url;
        },
      })),
    },
    async close() {
      await gateway.close();
      await front.close();
      for (const service of services) await service.close();
      await pair.close();
      for (const network of networks) await network.close();
      for (const server of servers) await server.stop();
    },
  };
}

describe('inboxes over outages of Redis, as clients have them', () => {
  let outages: Outages;
  beforeAll(async () => {
    outages = await openOutages();
  });
  afterAll(() => outages.close());

  it.each([...WAYS, BEHIND_GATEWAY])('G19: over $name a client shows what is stored', async (way) => {
    const world = way === BEHIND_GATEWAY ? outages.behindGateway : outages.direct;
    await fc.assert(
      fc.asyncProperty(stepsOf([...WEIGHTS, ...OUTAGES]), (steps) => new InboxHistory(world, way).run(steps)),
      { numRuns: 5 * MANY, endOnFailure: true },
    );
  });
});
