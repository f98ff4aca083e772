/** Refusals written past Fastify, to handshakes and to invalid requests, in the same form as all other errors. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../../errors.ts';

const CODES = {
  400: 'BAD_USER_INPUT',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  408: 'BAD_USER_INPUT',
  431: 'PAYLOAD_TOO_LARGE',
  503: 'SERVICE_UNAVAILABLE',
} as const satisfies Record<number, ErrorCode>;

export interface HttpRefusal {
  readonly status: keyof typeof CODES;
  /** The fault in one sentence. It is the body, which clients show. */
  readonly message: string;
  readonly retryAfterS?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export function bodyOfRefusal({ status, message, retryAfterS }: HttpRefusal): string {
  const wait = retryAfterS === undefined ? {} : { retryAfterMs: retryAfterS * 1_000 };
  return JSON.stringify({ errors: [{ message, extensions: { code: CODES[status], ...wait } }] });
}

/** Answers, and ends the connection. */
export function refuse(socket: Duplex, refusal: HttpRefusal): void {
  const { status, retryAfterS, headers = {} } = refusal;
  const body = bodyOfRefusal(refusal);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    ...(retryAfterS === undefined ? [] : [`Retry-After: ${retryAfterS}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.on('error', () => socket.destroy());
  // Reads on: unread data would keep the socket open if the peer never closes its side.
  socket.resume();
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
