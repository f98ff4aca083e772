/**
 * A free port for a server that stops and starts again on it.
 *
 * It is outside the range from which a system gives ports to any program (from 32768 on Linux, 49152 elsewhere), since
 * another program could take such a port before the server starts, or while it is down.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Behind 10080, which `fetch` refuses. */
const FIRST = 10_100;
const END = 32_768;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
