/** A network between a node and its server that can go silent without closing anything. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Cuts every connection; those to come lead to this port. */
  redirect(port: number): void;
  /** Connections open now stay open and carry nothing more; new ones work. Answers how many. */
  silence(): number;
  close(): Promise<void>;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  let port = target;
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: '127.0.0.1', port });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket
        .on('error', () => undefined)
        .on('close', () => {
          pairs.delete(pair);
          for (const each of pair) each.destroy();
        });
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    redirect(to) {
      port = to;
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
    silence() {
      for (const pair of pairs) for (const socket of pair) socket.unpipe().resume();
      return pairs.size;
    },
    async close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
