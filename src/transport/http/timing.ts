/** The time that requests take. */
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../../observability/metrics.ts';

/** A stream is written past Fastify, and is no request that takes long. Paths that there are not share a series. */
export function timeRequests(app: FastifyInstance, requests: Metrics['requests']): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const labels = { path: request.routeOptions.url ?? 'other', status: String(reply.statusCode) };
    requests.observe(labels, reply.elapsedTime / 1_000);
    done(null, payload);
  });
}
