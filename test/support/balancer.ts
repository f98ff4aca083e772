/** One address in front of several nodes: each connection goes to the next node that accepts it. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface Balancer {
  readonly url: string;
  close(): Promise<void>;
}

/** The first of these ports that takes a connection; null: none does. */
async function connected(ports: readonly number[]): Promise<Socket | null> {
  for (const port of ports) {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    if (isOpen) return socket;
  }
  return null;
}

export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  let turn = 0;
  const open = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, async (client) => {
    open.add(client);
    client.on('error', () => client.destroy()).once('close', () => open.delete(client));
    turn = (turn + 1) % ports.length;
    const node = await connected([...ports.slice(turn), ...ports.slice(0, turn)]);
    if (!node || client.destroyed) {
      node?.destroy();
      client.destroy();
      return;
    }
    node.on('error', () => client.destroy()).once('close', () => client.destroy());
    client.once('close', () => node.destroy());
    client.pipe(node).pipe(client);
    client.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
