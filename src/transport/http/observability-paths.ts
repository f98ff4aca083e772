/** Paths for operators: metrics, detailed health, and facts of this process. */
import type { RequestListener } from 'node:http';
import { type FastifyInstance, fastify } from 'fastify';
import type { Health } from '../../observability/health.ts';
import type { Info } from '../../observability/info.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Entrance } from './entrance.ts';

export interface ObservabilityOptions {
  readonly health: Health;
  readonly metrics: Pick<Metrics, 'contentType' | 'render'>;
  readonly info: () => Info;
}

/** For probes, on every port. */
export function addProbes(app: FastifyInstance, { health }: Pick<ObservabilityOptions, 'health'>): void {
  app.get('/health', async () => ({ status: 'ok' }));
  app.get('/health/ready', async (_request, reply) => {
    const isReady = await health.isReady();
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ok' : 'unavailable' });
  });
}

export function addObservability(app: FastifyInstance, { health, metrics, info }: ObservabilityOptions): void {
  app.get('/health/detailed', async (_request, reply) => {
    const detailed = await health.detailed();
    return reply.code(detailed.status === 'down' ? 503 : 200).send(detailed);
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()));
  app.get('/info', async () => info());
}

/** These paths on a separate port. */
export interface Admin {
  open(): Promise<void>;
  close(): Promise<void>;
}

export function createAdmin(entrance: Entrance, options: ObservabilityOptions): Admin {
  let handle: RequestListener | undefined;
  const app = fastify({
    routerOptions: { ignoreTrailingSlash: true },
    serverFactory(handler) {
      handle = handler as RequestListener;
      return entrance.server;
    },
  });
  addProbes(app, options);
  addObservability(app, options);
  return {
    async open() {
      await app.ready();
      if (handle) entrance.open(handle);
    },
    close: () => app.close(),
  };
}
