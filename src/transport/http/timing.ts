/** The time that requests take. */
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../../observability/metrics.ts';

/** Streams are not measured, since they are written past Fastify. Unknown paths share one series. */
export function timeRequests(app: FastifyInstance, requests: Metrics['requests']): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const labels = { path: request.routeOptions.url ?? 'other', status: String(reply.statusCode) };
    requests.observe(labels, reply.elapsedTime / 1_000);
    done(null, payload);
  });
}
