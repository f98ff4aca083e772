/** The answer to a handshake that is not taken. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

export interface Refusal {
  readonly status: number;
  /** What is wrong, in a sentence; a client that shows anything shows the body. */
  readonly message?: string;
  readonly retryAfterS?: number;
}

export function refuse(socket: Duplex, { status, message, retryAfterS }: Refusal): void {
  const errors = [{ message, extensions: { code: status === 503 ? 'SERVICE_UNAVAILABLE' : 'BAD_USER_INPUT' } }];
  const body = message === undefined ? '' : JSON.stringify({ errors });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    ...(retryAfterS === undefined ? [] : [`Retry-After: ${retryAfterS}`]),
    ...(message === undefined ? [] : ['Content-Type: application/json; charset=utf-8']),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.on('error', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
