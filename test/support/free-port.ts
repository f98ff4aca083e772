/**
 * A port nobody listens on now, for a server that may go away and come back to it.
 *
 * It is none of those that a system gives to whoever asks for any (from 32768 on Linux, 49152 elsewhere): one of these
 * may be another's by the time its server starts, or comes back after a fault.
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
