/** Connections and bodies that are slow or silent do not keep other clients out. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { LIMITS } from '../../src/limits.ts';
import { beforeBody, watchBodies } from '../../src/transport/http/arriving-bodies.ts';
import { PlainConnections } from '../../src/transport/http/plain-connections.ts';
import { UnhandledBytes } from '../../src/transport/peers/unhandled-bytes.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n';

describe('plain requests', () => {
  let app: FastifyInstance;
  let plain: PlainConnections;
  let bodies: UnhandledBytes;
  /** Answers of `/work`, when they are let go. */
  const working: (() => void)[] = [];
  const opened: Socket[] = [];
  let turnedAway = 0;

  async function serve(caps: { most: number; mostPerAddress: number; bodyBytes: number }): Promise<void> {
    app = fastify({ forceCloseConnections: true });
    app.post('/', async (request) => String(request.body).length);
    app.get('/', async () => 'here');
    app.get('/brief', async ({ raw }) => {
      // Not before it is counted.
      await null;
      plain.release(raw.socket);
      return `of ${plain.size}`;
    });
    app.post('/work', () => new Promise((resolve) => working.push(() => resolve('done'))));
    const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
      beforeBody(request, reply, new Promise((resolve) => working.push(resolve)));
    app.post('/asking', { onRequest }, async () => 'done');
    app.get('/work', () => new Promise((resolve) => working.push(() => resolve('done'))));
    // What stands in for an address: all that tests have is one.
    const addressOf = ({ headers }: { readonly headers: object }): string | null =>
      'x-gateway' in headers ? null : 'somewhere';
    plain = new PlainConnections({ ...caps, addressOf, countTurnedAway: () => (turnedAway += 1) });
    bodies = new UnhandledBytes(caps.bodyBytes);
    plain.watch(app.server);
    watchBodies(app, bodies);
    turnedAway = 0;
    await app.listen({ port: 0, host: '127.0.0.1' });
  }
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    for (const done of working.splice(0)) done();
    await app.close();
    await eventually(() => expect([plain.size, bodies.bytes]).toEqual([0, 0]));
  });

  /** A connection, and what comes by it. */
  async function open(bytes = ''): Promise<{ socket: Socket; heard: () => string; closed: Promise<unknown> }> {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    opened.push(socket);
    let heard = '';
    socket.on('data', (data: Buffer) => (heard += data)).on('error', () => undefined);
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    socket.write(bytes);
    return { socket, heard: () => heard, closed };
  }
  const fetchText = async (): Promise<string> => {
    const { socket, heard } = await open('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(socket, 'end');
    return heard();
  };

  it('a connection counts as plain again once its stream is over', async () => {
    await serve({ most: 100, mostPerAddress: 100, bodyBytes: 100 });
    const { heard, socket } = await open('GET /brief HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(heard()).toMatch(/200 OK[\s\S]*of 0$/));
    await eventually(() => expect(plain.size).toBe(1));
    expect(socket.destroyed).toBe(false);
  });

  it('G18: idle connections make room for active ones, the oldest first', async () => {
    await serve({ most: 3, mostPerAddress: 100, bodyBytes: 100 });
    const silent = await open();
    const slow = await open('GET / HTTP/1.1\r\nHo');
    const unfinished = await open(`${HEAD}Content-Length: 10\r\n\r\nab`);
    await eventually(() => expect(plain.size).toBe(3));
    for (let n = 0; n < 5; n += 1) expect(await fetchText()).toMatch(/200 OK[\s\S]*here$/);
    await silent.closed;
    expect(silent.heard()).toMatch(/^HTTP\/1\.1 408 /);
    // What was free again served the others.
    expect([slow.socket.destroyed, unfinished.socket.destroyed]).toEqual([false, false]);
    for (let n = 0; n < 3; n += 1) await open();
    await Promise.all([slow.closed, unfinished.closed]);
    for (const { heard } of [slow, unfinished]) expect(heard()).toMatch(/^HTTP\/1\.1 408 /);
    expect(turnedAway).toBe(3);
  });

  it('G18: who has asked since is not the oldest, and a connection with a stream is not counted for another request', async () => {
    await serve({ most: 2, mostPerAddress: 100, bodyBytes: 100 });
    app.server.on('request', ({ socket, url }: { socket: Socket; url: string }) => {
      if (url === '/work?stream') plain.release(socket);
    });
    const first = await open();
    await eventually(() => expect(plain.size).toBe(1));
    const second = await open();
    await eventually(() => expect(plain.size).toBe(2));
    first.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(first.heard()).toMatch(/here$/));
    const third = await open('GET /work?stream HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(second.heard()).toMatch(/^HTTP\/1\.1 408 /));
    await eventually(() => expect([working.length, plain.size]).toEqual([1, 1]));
    third.socket.write('GET /work HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(working).toHaveLength(2));
    expect([plain.size, first.socket.destroyed]).toEqual([1, false]);
    for (const done of working.splice(0)) done();
    await eventually(() => expect([third.heard().match(/done/g)?.length, plain.size]).toEqual([2, 2]));
  });

  it('G18: connections of one address displace each other; one with a request in progress stays', async () => {
    await serve({ most: 100, mostPerAddress: 2, bodyBytes: 100 });
    const busy = await open('GET /work HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(working).toHaveLength(1));
    const idle = await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(idle.heard()).toMatch(/here$/));
    const next = await open('GET /work HTTP/1.1\r\nHost: a\r\n\r\n');
    await idle.closed;
    await eventually(() => expect(working).toHaveLength(2));
    const refused = await open();
    await refused.closed;
    expect(refused.heard()).toMatch(/^HTTP\/1\.1 503 [\s\S]*Retry-After: 1/);
    for (const done of working.splice(0)) done();
    await eventually(() => expect(busy.heard() + next.heard()).toMatch(/done[\s\S]*done/));
  });

  it('proven gateways, sockets and streams are no longer counted by address', async () => {
    await serve({ most: 100, mostPerAddress: 1, bodyBytes: 100 });
    app.server.on('request', ({ socket, url }: { socket: Socket; url: string }) => {
      if (url === '/work?stream') plain.release(socket);
    });
    const gateway = await open('GET / HTTP/1.1\r\nHost: a\r\nX-Gateway: yes\r\n\r\n');
    await eventually(() => expect(gateway.heard()).toMatch(/here$/));
    const stream = await open('GET /work?stream HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(plain.size).toBe(1));
    const other = await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(other.heard()).toMatch(/here$/));
    expect([gateway, stream, other].map(({ socket }) => socket.destroyed)).toEqual([false, false, false]);
  });

  it('that became web sockets are not counted, also when they close', async () => {
    await serve({ most: 100, mostPerAddress: 1, bodyBytes: 100 });
    const upgraded: Duplex[] = [];
    app.server.on('upgrade', (_request: unknown, socket: Duplex) => {
      plain.leave(socket);
      upgraded.push(socket);
    });
    const socket = await open('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await eventually(() => expect([upgraded.length, plain.size]).toEqual([1, 0]));
    const other = await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(other.heard()).toMatch(/here$/));
    plain.leave(upgraded[0] as Duplex);
    upgraded[0]?.destroy();
    await socket.closed;
    expect([plain.size, other.socket.destroyed]).toEqual([1, false]);
  });

  it('that were never used are closed when the server stops; all of them are closed at once when it must end', async () => {
    await serve({ most: 100, mostPerAddress: 100, bodyBytes: 100 });
    const [unused, begun] = [await open(), await open('GET / HT')];
    await eventually(() => expect(plain.size).toBe(2));
    const served = await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(served.heard()).toMatch(/here$/));
    plain.closeUnused();
    await unused.closed;
    await eventually(() => expect(plain.size).toBe(2));
    begun.socket.write('TP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(begun.heard()).toMatch(/here$/));
    plain.cut();
    await Promise.all([begun.closed, served.closed]);
    await eventually(() => expect(plain.size).toBe(0));
  });

  it('over TLS are counted from their beginning, and by their requests', async () => {
    const certificate = makeCertificate(1);
    const [cert, key] = [readFileSync(certificate.certFile), readFileSync(certificate.keyFile)];
    const held: ServerResponse[] = [];
    const server = createServer({ cert, key }, (request, response) => {
      if (request.url === '/work') held.push(response);
      else response.end('here');
    });
    let away = 0;
    const counted = new PlainConnections({
      most: 2,
      mostPerAddress: 100,
      addressOf: () => 'somewhere',
      countTurnedAway: () => (away += 1),
    });
    counted.watch(server);
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const begin = (): Socket => connect(port, '127.0.0.1').on('error', () => undefined);
    const finish = async (socket: Socket): Promise<TLSSocket> => {
      const secure = connectTls({ socket, ca: certificate.pem, servername: 'localhost' });
      secure.on('error', () => undefined).resume();
      await once(secure, 'secureConnect');
      return secure;
    };
    const raw = [begin(), begin()] as const;
    try {
      await eventually(() => expect(counted.size).toBe(2));
      const busy = await finish(raw[0]);
      busy.write('GET /work HTTP/1.1\r\nHost: a\r\n\r\n');
      await eventually(() => expect(held).toHaveLength(1));
      // The one that has not finished its handshake makes room, and the one that is served does not.
      raw[1].resume();
      const secure = await finish(begin());
      await eventually(() => expect([raw[1].destroyed, counted.size, away]).toEqual([true, 2, 1]));
      expect(busy.destroyed).toBe(false);
      let heard = '';
      secure.on('data', (data: Buffer) => (heard += data)).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await eventually(() => expect(heard).toMatch(/here$/));
      counted.release((held[0] as ServerResponse).req.socket);
      expect(counted.size).toBe(1);
      held[0]?.end('done');
      await eventually(() => expect(counted.size).toBe(2));
      counted.cut();
      await eventually(() => expect([counted.size, busy.destroyed, secure.destroyed]).toEqual([0, true, true]));
    } finally {
      for (const socket of raw) socket.destroy();
      server.close();
      server.closeAllConnections();
      certificate.remove();
    }
  });

  it('G10: bodies count until they are answered; over the cap of all the largest pending one is refused', async () => {
    const most = 10 * LIMITS.smallBytes;
    await serve({ most: 100, mostPerAddress: 100, bodyBytes: most });
    const head = (bytes: number, path = '/'): string =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`;
    const small = await open(`${head(100)}a`);
    await eventually(() => expect(bodies.bytes).toBe(1));
    const slow = await open(`${head(most / 2)}${'x'.repeat(most / 2 - 1)}`);
    await eventually(() => expect(bodies.bytes).toBe(most / 2));
    const chunked = await open(
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n${(most * 0.4).toString(16)}\r\n${'x'.repeat(most * 0.4)}\r\n`,
    );
    await eventually(() => expect(bodies.bytes).toBe(most * 0.9));
    const third = await open(`${head(most / 4)}${'x'.repeat(most / 4 - 1)}`);
    await slow.closed;
    expect(slow.heard()).toMatch(/^HTTP\/1\.1 \d{3} [\s\S]*connection: close/i);
    chunked.socket.write('0\r\n\r\n');
    third.socket.write('x');
    small.socket.write('x'.repeat(99));
    await eventually(() =>
      expect([chunked, third, small].map(({ heard }) => heard().split('\r\n\r\n')[1])).toEqual([
        String(most * 0.4),
        String(most / 4),
        '100',
      ]),
    );
    expect(bodies.bytes).toBe(0);
    // In hand: no large one is begun with beside it.
    const busy = await open(`${head(most - 10, '/work')}${'x'.repeat(most - 10)}`);
    await eventually(() => expect(working).toHaveLength(1));
    expect(bodies.bytes).toBe(most - 10);
    const late = await open(head(LIMITS.smallBytes + 1));
    await eventually(() =>
      expect(late.heard()).toMatch(/connection: close[\s\S]*SERVICE_UNAVAILABLE|connection: close/i),
    );
    const little = await open(`${head(3)}abc`);
    await eventually(() => expect(little.heard()).toMatch(/200 OK[\s\S]*3$/));
    for (const done of working.splice(0)) done();
    await eventually(() => expect(busy.heard()).toMatch(/done$/));
    expect(bodies.bytes).toBe(0);
    // Gone in the middle: nothing is held for it.
    const gone = await open(`${head(60)}xx`);
    await eventually(() => expect(bodies.bytes).toBe(2));
    gone.socket.destroy();
    await eventually(() => expect(bodies.bytes).toBe(0));
  });

  it('G10: the body of an unverified sender counts, and is dropped when others need room', async () => {
    const most = 10 * LIMITS.smallBytes;
    await serve({ most: 100, mostPerAddress: 100, bodyBytes: most });
    const bytes = most * 0.6;
    const asking = `POST /asking HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`;
    const first = await open(`${asking}${'x'.repeat(bytes)}`);
    await eventually(() => expect(bodies.bytes).toBe(bytes));
    const second = await open(`${asking}${'x'.repeat(bytes)}`);
    await eventually(() => expect(first.heard()).toMatch(/^HTTP\/1\.1 \d{3} [\s\S]*connection: close/i));
    for (const done of working.splice(0)) done();
    await eventually(() => expect(second.heard()).toMatch(/200 OK/));
    expect(bodies.bytes).toBe(0);
  });
});
