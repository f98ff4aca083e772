/** Requests of one connection, or of many, begin in turns of the event loop. */
import type { FastifyInstance } from 'fastify';
import { arrivals } from '../peers/arrival-turns.ts';
import { carrierOf } from './http2-messages.ts';

/** Begins the requests of all routes in turns. One whose client has gone meanwhile does not begin. */
export function takeTurns(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw: { socket } }, _reply, done) =>
    arrivals.enter(carrierOf(socket), () => {
      if (!socket.destroyed) done();
    }),
  );
}
