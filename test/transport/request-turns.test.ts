/** Requests that arrive together do not block the event loop. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type FastifyInstance, fastify } from 'fastify';
import { inTurns } from '../../src/transport/http/request-turns.ts';
import { ArrivalTurns } from '../../src/transport/peers/arrival-turns.ts';
import { UnhandledBytes } from '../../src/transport/peers/unhandled-bytes.ts';
import { eventually } from '../support/eventually.ts';

const TOGETHER = 200;
const WORK_MS = 2;
/** More than a turn has. */
const DEAR_MS = 25;
/** More than is asked together, except where a test is about it. */
const MOST_WAITING = TOGETHER + 50;

describe('requests that arrive together', () => {
  let app: FastifyInstance;
  /** The paths that were worked on, in order. */
  let worked: string[];
  /** How many of them in each turn of the event loop. */
  let byTurn: Map<number, number>;
  let turn = 0;
  let isCounting = true;
  const opened: Socket[] = [];
  let turns: ArrivalTurns;
  /** What Fastify does before the first hook of a request. */
  let onArrival = (): void => undefined;

  beforeEach(async () => {
    worked = [];
    byTurn = new Map();
    isCounting = true;
    const count = (): void => {
      turn += 1;
      if (isCounting) setImmediate(count);
    };
    count();
    turns = new ArrivalTurns(MOST_WAITING);
    onArrival = () => undefined;
    app = fastify({
      rewriteUrl: ({ url = '/' }) => {
        onArrival();
        return url;
      },
      forceCloseConnections: true,
      serverFactory: (handle) => createServer(inTurns(handle as RequestListener, new UnhandledBytes(1_000_000), turns)),
    });
    const work = (path: string): string => {
      worked.push(path);
      workFor(path === '/dear' ? DEAR_MS : WORK_MS);
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
  /** Keeps the event loop. */
  function workFor(ms: number): void {
    byTurn.set(turn, (byTurn.get(turn) ?? 0) + 1);
    for (const until = performance.now() + ms; performance.now() < until; );
  }
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
    ['requests with a body', post],
  ])('G10: %s that one connection pipelines are handled in many turns, and all are answered', async (_, write) => {
    const socket = await open();
    let heard = '';
    socket.on('data', (data: Buffer) => (heard += data)).write(write('/many').repeat(TOGETHER));
    await eventually(() => expect(heard.match(/ 200 OK/g)).toHaveLength(TOGETHER));
    expect(Math.max(...byTurn.values())).toBeLessThan(TOGETHER / 5);
  });

  it('G10: a request of another connection is handled before the rest of a pipeline', async () => {
    const [many, other] = [await open(), await open()];
    many.write(get('/many').repeat(TOGETHER));
    await once(many, 'data');
    other.write(get('/other'));
    await once(other, 'data');
    expect(worked.indexOf('/other')).toBeLessThan(TOGETHER / 2);
    await eventually(() => expect(worked).toHaveLength(TOGETHER + 1));
  });

  it('requests of many connections are handled in several turns, too', async () => {
    const sockets = await Promise.all(Array.from({ length: TOGETHER / 2 }, open));
    for (const socket of sockets) socket.write(get('/many').repeat(2));
    await eventually(() => expect(worked).toHaveLength(TOGETHER));
    expect(Math.max(...byTurn.values())).toBeLessThan(TOGETHER / 5);
  });

  it('a request whose client has disconnected is not started', async () => {
    const socket = await open();
    socket.write(get('/many').repeat(TOGETHER));
    await once(socket, 'data');
    socket.resetAndDestroy();
    const other = await open();
    other.write(get('/other'));
    await once(other, 'data');
    expect(worked.length).toBeLessThan(TOGETHER);
  });

  it('G10: each costly request of a pipeline has its own turn', async () => {
    const socket = await open();
    socket.write(get('/dear').repeat(8));
    await eventually(() => expect(worked).toHaveLength(8));
    expect([...byTurn.values()]).toEqual(Array(8).fill(1));
  });

  it('G10: the cost of a request before its first hook counts in its turn', async () => {
    onArrival = () => workFor(WORK_MS);
    const socket = await open();
    socket.write(get('/many').repeat(TOGETHER));
    await eventually(() => expect(worked).toHaveLength(TOGETHER));
    expect(Math.max(...byTurn.values())).toBeLessThan(TOGETHER / 5);
  });

  it('over the cap of waiting requests only the connection with most of them is refused', async () => {
    const [many, other] = [await open(), await open()];
    let heard = '';
    many.on('data', (data: Buffer) => (heard += data)).write(get('/many').repeat(4 * MOST_WAITING));
    await once(many, 'data');
    other.write(get('/other'));
    expect(String(await once(other, 'data'))).toContain(' 200 OK');
    await eventually(() => expect(heard).toMatch(/ 503 Service Unavailable[\s\S]*Retry-After: 1[\s\S]*send fewer/i));
  });
});

describe('waiting requests', () => {
  it('G10: begin before those that arrive later, also when there is time left in the turn', async () => {
    const turns = new ArrivalTurns(10);
    const begun: string[] = [];
    const enter = (name: string): boolean => turns.enter({}, () => begun.push(name));
    enter('first');
    enter('second');
    expect(begun).toEqual(['first']);
    // What the first one does until it waits is done: without the second one, another might begin.
    await new Promise((resolve) => void process.nextTick(resolve));
    enter('third');
    expect(turns.next({})).toBeInstanceOf(Promise);
    expect(begun).toEqual(['first']);
    await eventually(() => expect(begun).toEqual(['first', 'second', 'third']));
    await eventually(() => expect(turns.next({})).toBeNull());
  });

  it('G10: begin connection by connection, each in its own order', async () => {
    const turns = new ArrivalTurns(10);
    const begun: string[] = [];
    const [one, two] = [{}, {}];
    for (const [connection, name] of [
      [one, 'one 1'],
      [one, 'one 2'],
      [one, 'one 3'],
      [two, 'two 1'],
      [one, 'one 4'],
      [two, 'two 2'],
    ] as const)
      turns.enter(connection, () => begun.push(name));
    // Many more than it takes.
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
    expect(begun).toEqual(['one 1', 'one 2', 'two 1', 'one 3', 'two 2', 'one 4']);
    expect(turns.next(one)).toBeNull();
  });

  it('G18: have a cap shared by connections, and one connection takes no place of another', async () => {
    const turns = new ArrivalTurns(10);
    const begun: object[] = [];
    const enter = (connection: object, count: number): number =>
      Array.from({ length: count }, () => turns.enter(connection, () => begun.push(connection))).filter(Boolean).length;
    const [first, second, third] = [{}, {}, {}];
    // One begins at once.
    expect(enter(first, 100)).toBe(1 + 10);
    expect(enter(second, 100)).toBe(5);
    expect(enter(third, 100)).toBe(4);
    expect(enter({}, 1)).toBe(1);
    await eventually(() => expect(begun).toHaveLength(21));
    expect(begun.slice(1, 4)).toEqual([first, second, third]);
    expect(enter(first, 1)).toBe(1);
  });
});
