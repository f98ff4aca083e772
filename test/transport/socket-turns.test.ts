/** Handshakes and frames of many sockets that arrive together do not block the event loop. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { openSocket } from '../support/socket.ts';
import { ConnectionServer } from './connection-server.ts';

const TOGETHER = 40;
const WORK_MS = 2;

describe('input of many sockets at the same moment', () => {
  const server = new ConnectionServer();
  /** How much was worked on in each turn of the event loop. */
  let byTurn: number[] = [];
  const most = (): number => Math.max(...byTurn);
  const all = (): number => byTurn.reduce((sum, each) => sum + each, 0);
  let isCounting = true;

  beforeEach(() => {
    byTurn = [0];
    isCounting = true;
    const count = (): void => {
      if (byTurn.at(-1) !== 0) byTurn.push(0);
      if (isCounting) setImmediate(count);
    };
    count();
    server.onWork = () => {
      byTurn.push((byTurn.pop() ?? 0) + 1);
      for (const until = performance.now() + WORK_MS; performance.now() < until; );
    };
  });
  afterEach(() => {
    isCounting = false;
    server.onWork = () => undefined;
  });

  const HANDSHAKE = [
    'GET / HTTP/1.1',
    'Host: a',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    '\r\n',
  ].join('\r\n');

  async function connectOne(): Promise<Socket> {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }
  async function connectAll(): Promise<Socket[]> {
    const before = server.sockets.length;
    const sockets = await Promise.all(Array.from({ length: TOGETHER }, connectOne));
    await eventually(() => expect(server.sockets.length - before).toBe(TOGETHER));
    return sockets;
  }
  /** The clients are of this process: what they write is read by the server in one turn. */
  const handshakes = (sockets: readonly Socket[]): void => {
    for (const socket of sockets) socket.write(HANDSHAKE);
  };

  it('G10: handshakes are answered in many turns', async () => {
    const sockets = await connectAll();
    const answers = sockets.map((socket) => once(socket, 'data'));
    handshakes(sockets);
    for (const answer of answers) expect(String(await answer)).toContain(' 101 ');
    expect(all()).toBe(TOGETHER);
    expect(most()).toBeLessThan(TOGETHER / 4);
    for (const socket of sockets) socket.destroy();
  });

  it('G10: clients that reset their connections while their handshakes wait do not affect others', async () => {
    const sockets = await connectAll();
    const [first] = sockets;
    handshakes(sockets);
    if (first) await once(first, 'data');
    for (const socket of sockets) socket.resetAndDestroy();
    const { bad, check } = await server.pair();
    await check();
    bad.socket.close();
  });

  it('G10: frames are handled in many turns', async () => {
    const open = await Promise.all(Array.from({ length: TOGETHER }, () => openSocket(server.url, [])));
    byTurn = [0];
    for (const { socket } of open) socket.send('hello');
    await eventually(() => expect(open.map(({ frames }) => frames)).toEqual(open.map(() => ['hello'])));
    expect(all()).toBe(TOGETHER);
    expect(most()).toBeLessThan(TOGETHER / 4);
    for (const { socket } of open) socket.close();
  });
});
