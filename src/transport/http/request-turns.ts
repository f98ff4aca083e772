/**
 * Requests that arrive together begin in several turns of the event loop.
 *
 * Before its turn a request costs no more than Node's parser: Fastify's part alone is three times as much, and Node reports
 * all requests that it read at once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { arrivals } from '../peers/arrival-turns.ts';
import type { UnhandledBytes } from '../peers/unhandled-bytes.ts';
import { countBody, forgetBody } from './arriving-bodies.ts';
import { carrierOf } from './http2-messages.ts';
import { bodyOfRefusal, type HttpRefusal } from './refusal.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

const TOO_MANY: HttpRefusal = {
  status: 503,
  message: 'Too many requests of this connection wait: send fewer at a time.',
  retryAfterS: 1,
};

function refuseOne(response: ServerResponse): void {
  response.writeHead(TOO_MANY.status, {
    connection: 'close',
    'content-type': 'application/json; charset=utf-8',
    'retry-after': String(TOO_MANY.retryAfterS),
  });
  response.end(bodyOfRefusal(TOO_MANY));
}

/** One whose client has gone meanwhile does not begin. A body counts from its arrival. */
export function inTurns(handle: Handle, unhandled: UnhandledBytes, turns = arrivals): Handle {
  return (request, response) => {
    const { socket } = request;
    countBody(request, unhandled);
    const mayWait = turns.enter(carrierOf(socket), () => {
      if (!socket.destroyed) handle(request, response);
    });
    if (mayWait) return;
    forgetBody(request);
    refuseOne(response);
  };
}
