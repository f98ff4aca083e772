/** Connections on which nothing was asked yet: clients open them ahead of a request, or after one they gave up. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * What this answers closes them. Node takes them for busy until `headersTimeout`, so
 * that one of them would hold a closing server for as long as it waits at all.
 */
export function watchUnused(server: Server, isTls: boolean): () => void {
  const open = new Set<Socket>();
  server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return () => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  };
}
