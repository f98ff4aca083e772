/** The time that requests take. */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../clock.ts';
import type { Metrics } from '../../observability/metrics.ts';

/** From the arrival of a request, before it waits for its turn, until its answer. */
export class RequestTimes {
  readonly #clock: Clock;
  readonly #requests: Metrics['requests'];
  readonly #begun = new WeakMap<IncomingMessage, number>();

  constructor(clock: Clock, requests: Metrics['requests']) {
    this.#clock = clock;
    this.#requests = requests;
  }

  begin(handle: RequestListener): RequestListener {
    return (request, response) => {
      this.#begun.set(request, this.#clock.elapsed());
      handle(request, response);
    };
  }

  /** Streams are not measured, since they are written past Fastify. Unknown paths share one series. */
  end(app: FastifyInstance): void {
    app.addHook('onSend', (request, reply, payload, done) => {
      const begun = this.#begun.get(request.raw);
      if (begun !== undefined) {
        const labels = { path: request.routeOptions.url ?? 'other', status: String(reply.statusCode) };
        this.#requests.observe(labels, (this.#clock.elapsed() - begun) / 1_000);
      }
      done(null, payload);
    });
  }
}
