/** Requests that arrive together do not keep the event loop. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type FastifyInstance, fastify } from 'fastify';
import { takeTurns } from '../../src/transport/http/request-turns.ts';
import { eventually } from '../support/eventually.ts';

const TOGETHER = 200;
const WORK_MS = 2;

describe('requests that arrive together', () => {
  let app: FastifyInstance;
  /** The paths that were worked on, in order. */
  let worked: string[];
  /** How many of them in each turn of the event loop. */
  let byTurn: Map<number, number>;
  let turn = 0;
  let isCounting = true;
  const opened: Socket[] = [];

  beforeEach(async () => {
    worked = [];
    byTurn = new Map();
    isCounting = true;
    const count = (): void => {
      turn += 1;
      if (isCounting) setImmediate(count);
    };
    count();
    app = fastify({ forceCloseConnections: true });
    takeTurns(app);
    const work = (path: string): string => {
      worked.push(path);
      byTurn.set(turn, (byTurn.get(turn) ?? 0) + 1);
      const until = performance.now() + WORK_MS;
      while (performance.now() < until);
      return path;
    };
    app.get('/:name', async ({ url }) => {
      // As an engine in this process answers.
      for (let step = 0; step < 20; step += 1) await null;
      return work(url);
    });
    app.post('/:name', async ({ url }) => work(url));
    await app.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    isCounting = false;
    for (const socket of opened.splice(0)) socket.destroy();
    await app.close();
  });

  async function open(): Promise<Socket> {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    opened.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const post = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na`;

  it.each([
    ['requests without a body', get],
    ['requests with one', post],
  ])('G10: %s that one connection pipelines are worked on in many turns, and all are answered', async (_, write) => {
    const socket = await open();
    let heard = '';
    socket.on('data', (data: Buffer) => (heard += data)).write(write('/many').repeat(TOGETHER));
    await eventually(() => expect(heard.match(/ 200 OK/g)).toHaveLength(TOGETHER));
    expect(Math.max(...byTurn.values())).toBeLessThan(TOGETHER / 5);
  });

  it('G10: a request of another connection is worked on before the rest of those that one pipelined', async () => {
    const [many, other] = [await open(), await open()];
    many.write(get('/many').repeat(TOGETHER));
    await once(many, 'data');
    other.write(get('/other'));
    await once(other, 'data');
    expect(worked.indexOf('/other')).toBeLessThan(TOGETHER / 2);
    await eventually(() => expect(worked).toHaveLength(TOGETHER + 1));
  });

  it('requests of many connections are worked on in turns as well', async () => {
    const sockets = await Promise.all(Array.from({ length: TOGETHER / 2 }, open));
    for (const socket of sockets) socket.write(get('/many').repeat(2));
    await eventually(() => expect(worked).toHaveLength(TOGETHER));
    expect(Math.max(...byTurn.values())).toBeLessThan(TOGETHER / 5);
  });

  it('one whose client has gone meanwhile does not begin', async () => {
    const socket = await open();
    socket.write(get('/many').repeat(TOGETHER));
    await once(socket, 'data');
    socket.resetAndDestroy();
    const other = await open();
    other.write(get('/other'));
    await once(other, 'data');
    expect(worked.length).toBeLessThan(TOGETHER);
  });
});
