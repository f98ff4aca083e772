/** Connections of HTTP/2, each with its requests: when they end, and what handlers see of them. */
import { constants as HTTP2 } from 'node:http2';
import type { Socket } from 'node:net';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { createEntrance, type Entrance } from '../../src/transport/http/entrance.ts';
import { carrierOf } from '../../src/transport/http/http2-messages.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { connectHttp2, type Http2Answer, type Http2Client } from '../support/http2-client.ts';
import { connectFrames, END_HEADERS, END_STREAM, FRAME, frame, headerBlock, number } from '../support/http2-frames.ts';
import { StillClock } from '../support/still-clock.ts';

const KEEP_ALIVE_MS = 5_000;
/** The time for a first request. */
const FIRST_MS = 10_000;
/** More than a connection takes that is not read. */
const LARGE = 50_000_000;
const WINDOW = 2 ** 31 - 1;

describe('a connection of HTTP/2', () => {
  let certificate: TestCertificate;
  let clock: StillClock;
  let entrance: Entrance;
  let port: number;
  const clients: Http2Client[] = [];
  /** Answers of `/slow`, when they are let go. */
  const slow: (() => void)[] = [];
  /** The sockets of requests so far, and how many answers are over. */
  let sockets: Socket[];
  let over: number;

  beforeAll(() => {
    certificate = makeCertificate(1);
  });
  afterAll(() => certificate.remove());
  beforeEach(async () => {
    clock = new StillClock();
    [sockets, over] = [[], 0];
    entrance = createEntrance({ tls: certificate, keepAliveMs: KEEP_ALIVE_MS, clock, isUpgrade: () => true });
    port = await entrance.listen('127.0.0.1', 0);
    entrance.open((request, response) => {
      sockets.push(request.socket);
      response.on('close', () => {
        over += 1;
      });
      if (request.url === '/broken') response.destroy();
      else if (request.url === '/large') {
        response.write(Buffer.alloc(LARGE));
        slow.push(() => response.destroy());
      } else if (request.url === '/slow') slow.push(() => response.end('slow'));
      else response.end('quick');
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    slow.splice(0);
    await entrance.end();
  });

  async function open(): Promise<Http2Client> {
    const client = await connectHttp2(port, certificate);
    clients.push(client);
    // The service has the connection then.
    await eventually(() => expect(client.session.remoteSettings.maxConcurrentStreams).toBe(LIMITS.streamsPerSession));
    return client;
  }
  async function ask(client: Http2Client, path: string, text: string): Promise<void> {
    const before = over;
    const answer = client.ask({ ':path': path });
    await eventually(() => expect([answer.status, answer.text, answer.end, over]).toEqual([200, text, 0, before + 1]));
  }
  async function begun(client: Http2Client, path: string): Promise<Http2Answer> {
    const before = sockets.length;
    const answer = client.ask({ ':path': path });
    await eventually(() => expect(sockets).toHaveLength(before + 1));
    return answer;
  }

  it('ends without a first request; with one it ends a while after its last answer, and tells its client', async () => {
    const [silent, busy] = [await open(), await open()];
    await begun(busy, '/slow');
    clock.advance(FIRST_MS - 1);
    expect([silent.isClosed, busy.isClosed]).toEqual([false, false]);
    clock.advance(1);
    await eventually(() => expect(silent.isClosed).toBe(true));
    await ask(busy, '/', 'quick');
    // The other request is still being answered.
    clock.advance(10 * KEEP_ALIVE_MS);
    await ask(busy, '/', 'quick');
    slow.shift()?.();
    await eventually(() => expect(over).toBe(3));
    clock.advance(KEEP_ALIVE_MS - 1);
    await ask(busy, '/', 'quick');
    expect([busy.isClosed, busy.goneAway]).toEqual([false, []]);
    await eventually(() => expect(clock.isDueIn(KEEP_ALIVE_MS)).toBe(true));
    clock.advance(KEEP_ALIVE_MS);
    await eventually(() => expect([busy.isClosed, busy.goneAway]).toEqual([true, [HTTP2.NGHTTP2_NO_ERROR]]));
    await eventually(() => expect(clock.pending).toBe(0));
  });

  it('shows each request a socket of its own, whose end is that of its stream', async () => {
    const client = await open();
    const [one, two] = [await begun(client, '/slow'), await begun(client, '/slow')];
    const [first, second] = sockets as [Socket, Socket];
    const { localPort } = client.session.socket;
    expect([first.remoteAddress, first.remotePort, first.localAddress, first.localPort]).toEqual([
      '127.0.0.1',
      localPort,
      '127.0.0.1',
      port,
    ]);
    expect([first === second, carrierOf(first) === carrierOf(second), carrierOf(first) === first]).toEqual([
      false,
      true,
      false,
    ]);
    expect([first.destroyed, second.destroyed]).toEqual([false, false]);
    const closed: string[] = [];
    first.once('close', () => closed.push('first'));
    second.once('close', () => closed.push('second'));
    one.stream.close(HTTP2.NGHTTP2_CANCEL);
    await eventually(() => expect([first.destroyed, closed]).toEqual([true, ['first']]));
    expect(second.destroyed).toBe(false);
    second.destroy();
    await eventually(() => expect(two.end).toBe(HTTP2.NGHTTP2_INTERNAL_ERROR));
    await eventually(() => expect([second.destroyed, closed]).toEqual([true, ['first', 'second']]));
    await ask(client, '/', 'quick');
  });

  it('is asked once whether it is read after an answer broke off, and has its time from then', async () => {
    const client = await connectFrames(port, certificate);
    const pings = (): number => client.frames.filter(([type]) => type === FRAME.ping).length;
    const broken = { ':method': 'GET', ':path': '/broken', ':scheme': 'https', ':authority': 'localhost' };
    const send = (id: number): void =>
      client.send(frame(FRAME.headers, END_HEADERS | END_STREAM, id, headerBlock(broken)));
    const reset = (id: number) => [FRAME.reset, id, HTTP2.NGHTTP2_INTERNAL_ERROR];
    send(1);
    await eventually(() => expect([client.frames, pings()]).toEqual([expect.arrayContaining([reset(1)]), 1]));
    clock.advance(TIMES.terminateMs - 1);
    send(3);
    await eventually(() => expect(client.frames).toContainEqual(reset(3)));
    await eventually(() => expect(over).toBe(2));
    expect([client.isClosed, pings()]).toEqual([false, 1]);
    clock.advance(1);
    await eventually(() => expect(client.isClosed).toBe(true));
  });

  it('that is read stays open after an answer broke off', async () => {
    const client = await open();
    const { stream } = await begun(client, '/broken');
    await eventually(() => expect([stream.rstCode, over]).toEqual([HTTP2.NGHTTP2_INTERNAL_ERROR, 1]));
    // Its answer comes after that to the ping.
    await ask(client, '/', 'quick');
    await eventually(() => expect(clock.isDueIn(TIMES.terminateMs)).toBe(false));
    clock.advance(TIMES.terminateMs);
    await ask(client, '/', 'quick');
    expect([client.isClosed, client.goneAway]).toEqual([false, []]);
  });

  it('whose client does not close it is closed a while after its end', async () => {
    const client = await connectFrames(port, certificate);
    client.socket.allowHalfOpen = true;
    const get = { ':method': 'GET', ':path': '/', ':scheme': 'https', ':authority': 'localhost' };
    client.send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, headerBlock(get)));
    await eventually(() => expect([over, clock.isDueIn(KEEP_ALIVE_MS)]).toEqual([1, true]));
    const carrier = carrierOf(sockets[0] as Socket) as Socket;
    clock.advance(KEEP_ALIVE_MS);
    await eventually(() =>
      expect([client.socket.readableEnded, clock.isDueIn(TIMES.terminateMs)]).toEqual([true, true]),
    );
    clock.advance(TIMES.terminateMs - 1);
    expect(carrier.destroyed).toBe(false);
    clock.advance(1);
    await eventually(() => expect(carrier.destroyed).toBe(true));
    client.socket.destroy();
  });

  it('that is not read is closed a while after its answer broke off', async () => {
    const client = await connectFrames(port, certificate, Buffer.concat([Buffer.from([0, 4]), number(WINDOW)]));
    client.socket.pause();
    const get = { ':method': 'GET', ':path': '/large', ':scheme': 'https', ':authority': 'localhost' };
    client.send(
      frame(FRAME.update, 0, 0, number(WINDOW - 65_535)),
      frame(FRAME.headers, END_HEADERS | END_STREAM, 1, headerBlock(get)),
    );
    await eventually(() => expect(sockets).toHaveLength(1));
    const carrier = carrierOf(sockets[0] as Socket) as Socket;
    await eventually(() => expect(carrier.bytesWritten).toBeGreaterThan(100_000));
    slow.shift()?.();
    await eventually(() => expect([over, clock.isDueIn(TIMES.terminateMs)]).toEqual([1, true]));
    clock.advance(TIMES.terminateMs);
    await eventually(() => expect(carrier.destroyed).toBe(true));
    client.socket.destroy();
  });
});
