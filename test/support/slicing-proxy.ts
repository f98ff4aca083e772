/** A network that delivers in small pieces, cut anywhere, also within a character. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

export interface SlicingProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Cuts where a character of many bytes begins, behind its first byte. */
function* slices(chunk: Buffer): Generator<Buffer> {
  let start = 0;
  for (let index = 1; index < chunk.length; index += 1) {
    if ((chunk[index - 1] ?? 0) < 0xc0) continue;
    yield chunk.subarray(start, index);
    start = index;
  }
  yield chunk.subarray(start);
}

async function deliver(from: Socket, to: Socket): Promise<void> {
  for await (const chunk of from) {
    for (const slice of slices(chunk as Buffer)) {
      to.write(slice);
      await turn();
    }
  }
  to.end();
}

/** In front of a server; what it answers is sliced. */
export async function startSlicingProxy(url: string): Promise<SlicingProxy> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: hostname, port: Number(port) });
    for (const socket of [client, upstream]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => undefined).on('close', () => [client, upstream].map((each) => each.destroy()));
    }
    client.pipe(upstream);
    deliver(upstream, client).catch(() => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
