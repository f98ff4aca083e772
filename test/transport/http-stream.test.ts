/** One stream over HTTP on a server of its own: its heartbeats, its ids, its ends, and every byte that is written. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { CLOSE_CODES, ServiceError, slowReader, TOO_SLOW } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import { HttpStream, writeWhole } from '../../src/transport/streams/http-stream.ts';
import { MULTIPART } from '../../src/transport/streams/multipart.ts';
import { SSE } from '../../src/transport/streams/sse.ts';
import type { StreamFormat } from '../../src/transport/streams/stream-format.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, viewerOf } from '../support/world.ts';

const HEARTBEAT_MS = 10_000;
const LIFETIME_MS = 100_000;
const TIMING = { heartbeatMs: HEARTBEAT_MS, lifetimeMs: LIFETIME_MS, retryMs: 7 };
const FORMATS = [
  ['SSE', SSE],
  ['multipart', MULTIPART],
] as const;
const EVENT = Buffer.from('{"data":1}');
/** The event as it is written. */
function framed({ envelope }: StreamFormat): string {
  const bytes = Buffer.alloc(envelope.size(EVENT.length));
  envelope.write(bytes, 0, EVENT);
  return bytes.toString();
}

const said = (code: string, reason?: string) => ({
  message: code,
  extensions: { code, ...(reason ? { reason } : {}) },
});
const formatError = (error: unknown) => {
  const { code, reason } = error as ServiceError;
  return said(code, reason);
};

describe('a stream over HTTP', () => {
  let server: Server;
  let clock: StillClock;
  let unsent: UnsentBytes;
  const opened: Socket[] = [];
  beforeEach(async () => {
    clock = new StillClock();
    unsent = new UnsentBytes(1e9);
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  interface Asked {
    readonly socket: Socket;
    readonly response: ServerResponse;
    head(): string;
    body(): string;
    /** Whether the response ended, and not only the connection. */
    isWhole(): boolean;
    isClosed(): boolean;
  }
  async function ask(): Promise<Asked> {
    const asked = once(server, 'request');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    opened.push(socket);
    let [heard, isClosed] = ['', false];
    socket.on('data', (data: Buffer) => (heard += data)).on('error', () => undefined);
    socket.on('close', () => (isClosed = true));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [, response] = (await asked) as [unknown, ServerResponse];
    const chunks = (): string => heard.slice(heard.indexOf('\r\n\r\n') + 4);
    return {
      socket,
      response,
      head: () => heard.split('\r\n\r\n', 1)[0] ?? '',
      body: () => {
        let [rest, body] = [chunks(), ''];
        for (let size = Number.parseInt(rest, 16); size > 0; size = Number.parseInt(rest, 16)) {
          const start = rest.indexOf('\r\n') + 2;
          body += rest.slice(start, start + size);
          rest = rest.slice(start + size + 2);
        }
        return body;
      },
      isWhole: () => chunks().endsWith('0\r\n\r\n'),
      isClosed: () => isClosed,
    };
  }
  async function open(format: StreamFormat, { isGateway = false, timing = TIMING, maxQueuedBytes = 1_000 } = {}) {
    const asked = await ask();
    const delivered: object[] = [];
    const stream = new HttpStream(asked.response, {
      viewer: viewerOf(alice),
      format,
      isGateway,
      formatError,
      clock,
      maxQueuedBytes,
      unsent,
      timing,
      delivered: (event) => delivered.push(event),
    });
    return { ...asked, stream, delivered };
  }

  it.each(FORMATS)('%s: has a heartbeat when the next look might be too late for it', async (_, format) => {
    const { stream, body } = await open(format);
    const due = HEARTBEAT_MS - TIMES.sweepMs;
    // Nothing is written before the headers.
    stream.tick(due + 1);
    clock.advance(100);
    stream.open();
    let expected = format.opening(7);
    const first = 100 + due + 1;
    for (const [now, isBeat] of [
      [first - 1, false],
      [first, true],
      [first + 1, false],
      [first + due, false],
      [first + due + 1, true],
    ] as const) {
      stream.tick(now);
      stream.deliver(EVENT, {});
      expected += `${isBeat ? format.heartbeat : ''}${framed(format)}`;
    }
    stream.finish(null);
    stream.tick(first + 10 * due);
    await eventually(() => expect(body()).toBe(`${expected}${format.ending(null)}`));
  });

  it('has heartbeats in time when they are more frequent than looks', async () => {
    const heartbeatMs = TIMES.sweepMs;
    const { stream, body } = await open(SSE, { timing: { ...TIMING, heartbeatMs } });
    stream.open();
    stream.tick(heartbeatMs / 2);
    stream.tick(heartbeatMs / 2 + 1);
    stream.finish(null);
    await eventually(() => expect(body()).toBe(`${SSE.opening(7)}${SSE.heartbeat}${SSE.ending(null)}`));
  });

  it.each(FORMATS)('%s: ends after its lifetime, and never without one', async (_, format) => {
    const [one, other] = [await open(format), await open(format, { timing: { ...TIMING, lifetimeMs: 0 } })];
    for (const { stream } of [one, other]) {
      stream.open();
      stream.tick(LIFETIME_MS - 1);
      expect(stream.isOpen).toBe(true);
      stream.tick(LIFETIME_MS * (1 + LIMITS.streamLifetimeSpread));
    }
    expect([one.stream.isOpen, other.stream.isOpen]).toEqual([false, true]);
    const last = format.interruption([said('SERVICE_UNAVAILABLE')]);
    await eventually(() => expect(one.body().endsWith(last)).toBe(true));
    await eventually(() =>
      expect([one.isWhole(), one.isClosed()]).toEqual(format === SSE ? [false, true] : [true, false]),
    );
  });

  it('has ids of its events where the format has them, and none for a gateway or without a source of ids', async () => {
    const ids = [{ id: 'a' }, { id: null }];
    const idOf = (event: object): string | null => (event as { id: string | null }).id;
    for (const [format, options, source, first] of [
      [SSE, {}, idOf, framed(SSE).replace('data:', 'id: a\ndata:')],
      [SSE, {}, null, framed(SSE)],
      [SSE, { isGateway: true }, idOf, framed(SSE)],
      [MULTIPART, {}, idOf, framed(MULTIPART)],
    ] as const) {
      const { stream, body, delivered } = await open(format, options);
      stream.open();
      stream.identify(source);
      for (const event of ids) stream.deliver(EVENT, event);
      stream.finish(null);
      await eventually(() =>
        expect(body()).toBe(`${format.opening(7)}${first}${framed(format)}${format.ending(null)}`),
      );
      expect(delivered).toEqual(ids);
    }
  });

  const UNAUTHENTICATED = new ServiceError('UNAUTHENTICATED', '', { reason: 'EXPIRED' });
  const ENDS: readonly [name: string, end: (stream: HttpStream) => void, errors: object[] | null, isAgain: boolean][] =
    [
      ['that is complete', (stream) => stream.end(null), null, false],
      ['by an error', (stream) => stream.end(UNAUTHENTICATED), [said('UNAUTHENTICATED', 'EXPIRED')], false],
      ['of a slow reader', (stream) => stream.end(slowReader()), [said('SERVICE_UNAVAILABLE', 'SLOW_READER')], true],
      ['by an overflow', (stream) => stream.onOverflow(), [said('SERVICE_UNAVAILABLE', 'SLOW_READER')], true],
      [
        'when its token expires',
        (stream) => stream.close(CLOSE_CODES.TOKEN_EXPIRED, ''),
        [said('UNAUTHENTICATED', 'EXPIRED')],
        false,
      ],
      [
        'when memory is short',
        (stream) => stream.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW),
        [said('SERVICE_UNAVAILABLE', 'SLOW_READER')],
        true,
      ],
      ['by a drain', (stream) => stream.retire(CLOSE_CODES.SERVICE_RESTART, ''), [said('SERVICE_UNAVAILABLE')], true],
    ];
  describe.each(FORMATS)('%s', (_, format) => {
    it.each(ENDS)(
      'an end %s is told once, and as a whole response to a gateway',
      async (_name, end, errors, isAgain) => {
        for (const isGateway of [false, true]) {
          const isTold = isAgain && !isGateway;
          const { stream, body, isWhole, isClosed } = await open(format, { isGateway });
          stream.deliver(EVENT, {});
          end(stream);
          end(stream);
          stream.deliver(EVENT, {});
          stream.finish(null);
          expect(stream.isOpen).toBe(false);
          const last = isTold ? format.interruption(errors as never) : format.ending(errors as never);
          await eventually(() => expect(body()).toBe(`${format.opening(7)}${framed(format)}${last}`));
          const breaksOff = isTold && format === SSE;
          await eventually(() => expect([isWhole(), isClosed()]).toEqual([!breaksOff, breaksOff]));
        }
      },
    );

    it('that ends before it begins is a whole response', async () => {
      const { response, head, body, isWhole } = await ask();
      writeWhole(response, format, TIMING, [said('FORBIDDEN')]);
      await eventually(() =>
        expect([body(), isWhole()]).toEqual([`${format.opening(7)}${format.ending([said('FORBIDDEN')])}`, true]),
      );
      for (const line of [
        'HTTP/1.1 200 OK',
        `content-type: ${format.contentType}`,
        'cache-control: no-cache, no-transform',
        'x-accel-buffering: no',
      ])
        expect(head()).toContain(line);
    });
  });

  it('is congested while its client does not read, and has room again once it does', async () => {
    const { stream, socket } = await open(SSE, { maxQueuedBytes: 64 * 1024 * 1024 });
    stream.open();
    socket.pause();
    const told: string[] = [];
    stream.onRoom(() => told.push('at once'));
    expect([stream.isCongested(), told]).toEqual([false, ['at once']]);
    stream.deliver(Buffer.alloc(40 * 1024 * 1024), {});
    expect(stream.isCongested()).toBe(true);
    stream.onRoom(() => told.push('room'));
    await new Promise(setImmediate);
    expect([told, stream.queuedBytes > 0, unsent.bytes]).toEqual([['at once'], true, stream.queuedBytes]);
    socket.resume();
    await eventually(() => expect([told, stream.isCongested(), unsent.bytes]).toEqual([['at once', 'room'], false, 0]));
  });

  it('ends with its client: that closes, that closes half of its connection, or that has gone before', async () => {
    const [closes, halves, cut] = [await open(SSE), await open(SSE), await open(SSE)];
    for (const { stream } of [closes, halves, cut]) stream.open();
    const told: string[] = [];
    closes.stream.onClose((peer) => told.push(`closed ${peer === closes.stream}`));
    closes.socket.destroy();
    halves.socket.end();
    await eventually(() => expect([closes.stream.isOpen, halves.stream.isOpen]).toEqual([false, false]));
    await eventually(() => expect([told, closes.stream.lifetime.isClosed]).toEqual([['closed true'], true]));
    cut.stream.cut();
    await eventually(() => expect([cut.isClosed(), cut.stream.lifetime.isClosed]).toEqual([true, true]));
    const gone = await ask();
    gone.response.destroy();
    const late = new HttpStream(gone.response, {
      viewer: viewerOf(alice),
      format: SSE,
      isGateway: false,
      formatError,
      clock,
      maxQueuedBytes: 1_000,
      unsent,
      timing: TIMING,
      delivered: () => undefined,
    });
    expect([late.isOpen, late.lifetime.isClosed]).toEqual([false, true]);
    // Nothing waits for the end of a client any more, and nothing is held for one.
    await eventually(() => expect([clock.pending, unsent.bytes]).toEqual([0, 0]));
  });
});
