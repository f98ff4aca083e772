/** Requests that arrive before earlier ones on their connection are answered (RFC 9112, section 9.3.2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { LIMITS } from '../../limits.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Ends a connection with too many requests ahead.
 *
 * Node reads megabytes in one turn of the event loop, and stops reading only for
 * written responses: tens of thousands of requests would begin at once.
 */
export function endTooFarAhead(handle: Handle): Handle {
  const waiting = new WeakMap<Socket, number>();
  const count = (socket: Socket, change: number): number => {
    const sum = (waiting.get(socket) ?? 0) + change;
    waiting.set(socket, sum);
    return sum;
  };
  return (request, response) => {
    const { socket } = request;
    // Node still reports requests that it read before the end.
    if (socket.destroyed) return;
    if (count(socket, 1) > LIMITS.requestsAhead) return void socket.destroy();
    response.once('close', () => count(socket, -1));
    handle(request, response);
  };
}
