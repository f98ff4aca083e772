/** HTTP/2 on our own TLS: streams and queries share a connection, and each ends alone. */
import { existsSync } from 'node:fs';
import { constants as HTTP2 } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { WebSocket } from 'ws';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { connectHttp2, gaugesOf, type Http2Answer, type Http2Client } from '../support/http2-client.ts';
import {
  connectFrames,
  END_HEADERS,
  END_STREAM,
  FRAME,
  type FrameClient,
  frame,
  headerBlock,
  number,
} from '../support/http2-frames.ts';
import { manyTimes } from '../support/many-times.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

/** Installed by `scripts/provide-chromium.sh`, which `npm run test:browser` calls. */
const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium'].find((path) => path && existsSync(path));
const SSE = 'text/event-stream';
const MULTIPART = 'multipart/mixed;subscriptionSpec=1.0';
const HEARD = { query: 'subscription { topicPublished(topics: ["t"]) { payload } }' };
const LARGE = { query: `subscription { topicPublished(topics: ["t"]) { ${manyTimes('payload')} } }` };
const WINDOW_MS = 10_000;
const publication = (payload: string) => ({
  query: 'mutation ($payload: JSON!) { publish(topic: "t", payload: $payload) { id } }',
  variables: { payload },
});

let certificate: TestCertificate;
beforeAll(() => {
  certificate = makeCertificate(30);
});
afterAll(() => certificate.remove());

describe('HTTP/2', () => {
  let test: TestService;
  let clock: StillClock;
  let token: string;
  const clients: Http2Client[] = [];
  beforeEach(async () => {
    clock = new StillClock();
    const env = {
      TLS_CERT_FILE: certificate.certFile,
      TLS_KEY_FILE: certificate.keyFile,
      MAX_QUEUED_BYTES: '64KiB',
      DRAIN_WINDOW: `${WINDOW_MS}ms`,
    };
    test = await startTestService({ clock, env });
    token = await test.token('bob');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    const closed = test.close();
    await eventually(() => {
      clock.advance(1_000);
      return Promise.race([closed, Promise.reject(new Error('Not closed yet.'))]);
    });
  });

  async function open(): Promise<Http2Client> {
    const client = await connectHttp2(test.service.port, certificate);
    clients.push(client);
    return client;
  }
  const isOver = (answer: Http2Answer): Promise<void> => eventually(() => expect(answer.end).not.toBeNull());
  /** Answers of JSON come whole. */
  async function answered(answer: Http2Answer): Promise<unknown> {
    await isOver(answer);
    expect([answer.status, answer.end]).toEqual([200, 0]);
    return JSON.parse(answer.text);
  }
  const publish = (client: Http2Client, payload: string): Promise<unknown> =>
    answered(client.post(token, publication(payload)));
  const gauges = (): Promise<number[]> => gaugesOf(test.service.port, certificate);
  /** Past the window of a stream, and then past what the service holds for it. A busy machine makes others wait: they have caught up. */
  async function fill(writer: Http2Client, quick: Http2Answer): Promise<void> {
    for (let n = 0; n < 40; n += 1) await publish(writer, `${n}-${'x'.repeat(10_000)}`);
    await eventually(() => expect(quick.text).toContain('"39-'));
    await gauges();
  }
  const opened = (stream: Http2Answer): Promise<void> => eventually(() => expect(stream.status).toBe(200));

  it('twelve streams of both formats and queries share one connection', async () => {
    const client = await open();
    const streams = Array.from({ length: 12 }, (_, n) => client.post(token, HEARD, n % 2 ? SSE : MULTIPART));
    for (const stream of streams) await opened(stream);
    expect(streams[0]?.headers['connection']).toBeUndefined();
    for (const payload of ['one', 'two']) {
      expect(await publish(client, payload)).toMatchObject({ data: { publish: { id: expect.any(String) } } });
    }
    await eventually(() => {
      for (const { text } of streams) expect(text).toMatch(/"one"[\s\S]*"two"/);
    });
    // One that its client leaves takes no other with it.
    streams[0]?.stream.close(HTTP2.NGHTTP2_CANCEL);
    await publish(client, 'three');
    await eventually(() => {
      for (const { text } of streams.slice(1)) expect(text).toContain('"three"');
    });
    expect(streams[0]?.text).not.toContain('"three"');
  });

  it('a client of HTTP/1.1 has its requests and sockets on the same port', async () => {
    const [status, protocol] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      requestHttps(
        { port: test.service.port, host: '127.0.0.1', path: '/health', ca: certificate.pem, servername: 'localhost' },
        (response) => resolve([response.statusCode, response.httpVersion]),
      )
        .on('error', reject)
        .end();
    });
    expect([status, protocol]).toEqual([200, '1.1']);
    const socket = new WebSocket(`wss://localhost:${test.service.port}/graphql`, 'graphql-transport-ws', {
      ca: certificate.pem,
    });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.terminate();
  });

  it.each([SSE, MULTIPART])('a reader of %s that is too slow loses its stream, and no other', async (accept) => {
    const client = await open();
    const quick = client.post(token, HEARD, SSE);
    const slow = client.post(token, LARGE, accept);
    await opened(quick);
    await opened(slow);
    slow.stream.pause();
    const writer = await open();
    await fill(writer, quick);
    slow.stream.resume();
    await eventually(() => expect(slow.text).toContain('"SLOW_READER"'));
    // In steps, and no further than its end: its connection is then asked for life, and has five seconds to answer.
    await eventually(() => {
      if (slow.end === null && accept === SSE) clock.advance(1_000);
      expect(slow.end).not.toBeNull();
    });
    expect(slow.end).toBe(accept === SSE ? HTTP2.NGHTTP2_INTERNAL_ERROR : 0);
    await publish(writer, 'last');
    await eventually(() => expect(quick.text).toContain('"last"'));
    expect([client.isClosed, client.goneAway]).toEqual([false, []]);
  });

  it('a reader that never reads again is reset in time, and its connection stays', async () => {
    const client = await open();
    const quick = client.post(token, HEARD, SSE);
    const slow = client.post(token, LARGE, SSE);
    await opened(slow);
    slow.stream.pause();
    const writer = await open();
    await fill(writer, quick);
    expect(slow.end).toBeNull();
    clock.advance(5_000);
    await eventually(() => expect(slow.stream.rstCode).toBe(HTTP2.NGHTTP2_INTERNAL_ERROR));
    await publish(writer, 'last');
    await eventually(() => expect(quick.text).toContain('"last"'));
    clock.advance(5_000);
    await publish(client, 'after');
    expect(client.isClosed).toBe(false);
  });

  it('a drain sends GOAWAY: an idle connection ends, a stream goes on until its turn and is then told', async () => {
    const [idle, busy] = [await open(), await open()];
    await publish(idle, 'before');
    const stream = busy.post(token, HEARD, SSE);
    await opened(stream);
    const closed = test.close();
    await eventually(() => expect([idle.goneAway, idle.isClosed, busy.goneAway]).toEqual([[0], true, [0]]));
    expect([stream.end, busy.session.closed]).toEqual([null, true]);
    await eventually(() => expect(clock.isDueIn(WINDOW_MS)).toBe(true));
    clock.advance(WINDOW_MS);
    await isOver(stream);
    expect(stream.text).toContain('"SERVICE_UNAVAILABLE"');
    await closed;
    expect(busy.isClosed).toBe(true);
  });

  describe('the end of a stream that is not read', () => {
    const ENDS: Record<string, (client: Http2Client, stream: Http2Answer) => unknown> = {
      'its client’s reset': (_client, { stream }) => stream.close(HTTP2.NGHTTP2_CANCEL),
      'the end of its connection': (client) => client.close(),
      'an expired token': () => clock.advance(3_700_000),
      'a revoked user': async (client) => {
        const admin = await test.token('admin', { scope: 'realtime:admin' });
        await answered(client.post(admin, { query: 'mutation { revokeUser(userId: "bob") }' }));
        token = await test.token('carol');
      },
    };
    it.each(Object.keys(ENDS))('%s: nothing of it is left', async (name) => {
      const [client, other] = [await open(), await open()];
      const stream = client.post(token, LARGE, SSE);
      await opened(stream);
      stream.stream.pause();
      for (let n = 0; n < 10; n += 1) await publish(other, 'x'.repeat(5_000));
      await ENDS[name]?.(client, stream);
      await eventually(async () => {
        clock.advance(1_000);
        expect(await gauges()).toEqual([0, 0, 0]);
      });
    });
  });

  /** Runs in a page: as many streams as it is told, and queries beside them. Over HTTP/1.1 the seventh would wait for ever. */
  const IN_PAGE = `async ({ token, count, heard, publication }) => {
    const ask = (body, accept) => fetch('/graphql', {
      method: 'POST',
      headers: { accept, authorization: 'Bearer ' + token, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const streams = await Promise.all(Array.from({ length: count }, () => ask(heard, 'text/event-stream')));
    const answer = await (await ask(publication, 'application/json')).json();
    const first = async ({ body }) => {
      let text = '';
      for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        if (text.includes('from a page')) return true;
      }
    };
    const told = await Promise.all(streams.map(first));
    const protocols = performance.getEntriesByType('resource').map(({ nextHopProtocol }) => nextHopProtocol);
    return { answer, told, protocols: [...new Set(protocols.filter(Boolean))] };
  }`;

  (CHROMIUM ? it : it.skip)('in Chromium: twelve streams of a page, and its queries', async () => {
    const { chromium } = await import('playwright-core');
    const args = ['--no-sandbox', '--ignore-certificate-errors'];
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args });
    try {
      const page = await browser.newPage();
      await page.goto(`https://localhost:${test.service.port}/health`);
      const given = { token, count: 12, heard: HEARD, publication: publication('from a page') };
      const seen = await page.evaluate(`(${IN_PAGE})(${JSON.stringify(given)})`);
      const told = Array.from({ length: 12 }, () => true);
      expect(seen).toEqual({ answer: { data: { publish: { id: expect.any(String) } } }, told, protocols: ['h2'] });
    } finally {
      await browser.close();
    }
  });

  describe('what a client may do', () => {
    const ASKED = { ':scheme': 'https', ':authority': 'localhost', ':path': '/graphql' };
    const POST = { ...ASKED, ':method': 'POST', 'content-type': 'application/json' };
    const GET = { ...ASKED, ':method': 'GET', ':path': '/health' };
    const asked = (id: number, headers: Record<string, string>, flags = END_HEADERS): Buffer =>
      frame(FRAME.headers, flags, id, headerBlock(headers));
    const raw = (settings?: Buffer): Promise<FrameClient> => connectFrames(test.service.port, certificate, settings);
    /** The others are served all the same. */
    async function isServed(): Promise<void> {
      const client = await open();
      await publish(client, 'still here');
      client.close();
    }

    it('a request past the streams of a connection is refused, and may be sent again', async () => {
      const client = await raw();
      const ids = Array.from({ length: LIMITS.streamsPerSession + 1 }, (_, n) => 2 * n + 1);
      client.send(...ids.map((id) => asked(id, POST)));
      await eventually(() =>
        expect(client.frames).toContainEqual([FRAME.reset, ids.at(-1), HTTP2.NGHTTP2_REFUSED_STREAM]),
      );
      expect(client.frames.filter(([type]) => type === FRAME.reset)).toHaveLength(1);
      client.send(asked((ids.at(-1) as number) + 2, GET, END_HEADERS | END_STREAM));
      client.socket.destroy();
      await isServed();
    });

    it('headers past their size end their stream only', async () => {
      const client = await open();
      await eventually(() => expect(client.session.remoteSettings.maxHeaderListSize).toBe(LIMITS.headerBytes));
      const large = client.ask({ ':path': '/health', 'x-large': 'x'.repeat(20_000) });
      await isOver(large);
      expect([large.status, large.end]).toEqual([0, HTTP2.NGHTTP2_ENHANCE_YOUR_CALM]);
      await publish(client, 'after');
    });

    it('rapid resets (CVE-2023-44487), continuations without end and settings without end keep nobody out', async () => {
      const [resets, continuations, settings] = [await raw(), await raw(), await raw()];
      const ids = Array.from({ length: 3_000 }, (_, n) => 2 * n + 1);
      resets.send(
        ...ids.flatMap((id) => [
          asked(id, GET, END_HEADERS | END_STREAM),
          frame(FRAME.reset, 0, id, number(HTTP2.NGHTTP2_CANCEL)),
        ]),
      );
      await eventually(() => expect(resets.isClosed).toBe(true));
      continuations.send(
        frame(FRAME.headers, 0, 1, headerBlock(GET)),
        ...Array.from({ length: 1_000 }, () => frame(FRAME.continuation, 0, 1, headerBlock({ 'x-more': 'x' }))),
      );
      await eventually(() => expect(continuations.isClosed).toBe(true));
      settings.socket.pause();
      settings.send(...Array.from({ length: 100_000 }, () => frame(FRAME.settings, 0, 0)));
      await isServed();
      settings.socket.destroy();
    });

    it('a body that does not come whole in time is answered with 408; a connection without a request ends', async () => {
      const silent = await raw();
      const client = await open();
      const half = client.session.request({ ...POST, authorization: `Bearer ${token}` }, { endStream: false });
      let status = 0;
      half
        .on('error', () => undefined)
        .on('response', (headers) => {
          status = Number(headers[':status']);
        });
      half.write('{"query":');
      await eventually(() => expect(clock.isDueIn(30_000)).toBe(true));
      clock.advance(10_000);
      await eventually(() => expect(silent.isClosed).toBe(true));
      clock.advance(20_000);
      await eventually(() => expect(status).toBe(408));
      await eventually(() => expect(half.closed).toBe(true));
      await publish(client, 'after');
      clock.advance(3_600_000);
      await eventually(() => expect([client.isClosed, client.goneAway]).toEqual([true, [0]]));
    });

    it('a long body without its length and without a token is cut; without an authority a request is none', async () => {
      const client = await open();
      const long = client.ask(POST, JSON.stringify({ query: `{ me { id } } #${'x'.repeat(100_000)}` }));
      await isOver(long);
      expect(long.status).toBe(413);
      const client2 = await raw();
      const { ':authority': _, ...without } = POST;
      client2.send(
        asked(1, { ...without, 'content-length': '2' }),
        frame(FRAME.data, END_STREAM, 1, Buffer.from('{}')),
      );
      await eventually(() => expect(client2.frames).toContainEqual([FRAME.reset, 1, HTTP2.NGHTTP2_PROTOCOL_ERROR]));
      client2.socket.destroy();
      await publish(client, 'after');
    });

    it('a connection that takes nothing after its stream was reset is closed', async () => {
      const window = 2 ** 31 - 1;
      const settings = Buffer.concat([Buffer.from([0, 4]), number(window)]);
      const client = await raw(settings);
      const body = Buffer.from(JSON.stringify(LARGE));
      client.send(
        frame(FRAME.update, 0, 0, number(window - 65_535)),
        asked(1, { ...POST, accept: SSE, authorization: `Bearer ${token}` }),
        frame(FRAME.data, END_STREAM, 1, body),
      );
      await eventually(() => expect(client.frames.map(([type]) => type)).toContain(FRAME.headers));
      client.socket.pause();
      const writer = await open();
      await eventually(async () => {
        for (let n = 0; n < 20; n += 1) await publish(writer, 'x'.repeat(20_000));
        expect((await gauges())[1]).toBe(0);
      });
      clock.advance(TIMES.terminateMs);
      await eventually(async () => expect(await gauges()).toEqual([0, 0, 0]));
      clock.advance(TIMES.terminateMs);
      client.socket.resume();
      await eventually(() => expect(client.isClosed).toBe(true));
    });
  });
});
