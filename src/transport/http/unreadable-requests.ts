/** Bytes that are not HTTP, or arrive too late. Node reports them and does not answer. */
import type { Socket } from 'node:net';
import { type HttpRefusal, refuse } from './refusal.ts';

const NO_REQUEST: HttpRefusal = { status: 400, message: 'This is not an HTTP/1.1 request.' };
export const REQUEST_LATE: HttpRefusal = { status: 408, message: 'The request did not arrive in time.' };
const FAULTS: Readonly<Record<string, HttpRefusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    message: 'The URL and the headers may have 16 KiB together: send a long operation by POST.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: REQUEST_LATE,
};

/** Answers, and ends the connection: the start of the next request is unknown. */
export function endUnreadable(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) refuse(socket, FAULTS[error.code ?? ''] ?? NO_REQUEST);
  socket.destroySoon();
}
