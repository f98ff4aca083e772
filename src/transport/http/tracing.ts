/** Requests as spans of a trace. */
import type { FastifyInstance } from 'fastify';
import type { Tracing } from '../../observability/tracing.ts';

const GRAPHQL = '/graphql';

/** Probes and scrapes are not traced. */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  // The body is read by then: everything after it runs in the context of this hook.
  app.addHook('preHandler', (request, reply, done) => {
    const path = request.routeOptions.url;
    if (path !== GRAPHQL) return done();
    const span = tracing.request(request.method, path, request.headers);
    reply.raw.once('close', () => span.end(reply.raw.statusCode));
    span.run(done);
  });
}
