/** HTTP/2 on the service's own TLS: streams and queries share a connection, and each ends alone. */
import { existsSync } from 'node:fs';
import { constants as HTTP2 } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import type { Http2Answer, Http2Client } from '../support/http2-client.ts';
import { answered, Http2Service, isOver, LARGE, publication, SSE, WINDOW_MS } from './http2-service.ts';

/** Installed by `scripts/provide-chromium.sh`, which `npm run test:browser` calls. */
const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium'].find((path) => path && existsSync(path));
const MULTIPART = 'multipart/mixed;subscriptionSpec=1.0';
const HEARD = { query: 'subscription { topicPublished(topics: ["t"]) { payload } }' };

describe('HTTP/2', () => {
  const http2 = new Http2Service();

  /** Past the window of a stream, and then past what the service holds for it. A busy machine makes others wait: they have caught up. */
  async function fill(writer: Http2Client, quick: Http2Answer): Promise<void> {
    for (let n = 0; n < 40; n += 1) await http2.publish(writer, `${n}-${'x'.repeat(10_000)}`);
    await eventually(() => expect(quick.text).toContain('"39-'));
    await http2.gauges();
  }
  const opened = (stream: Http2Answer): Promise<void> => eventually(() => expect(stream.status).toBe(200));

  it('twelve streams of both formats and queries share one connection', async () => {
    const client = await http2.open();
    const streams = Array.from({ length: 12 }, (_, n) => client.post(http2.token, HEARD, n % 2 ? SSE : MULTIPART));
    for (const stream of streams) await opened(stream);
    expect(streams[0]?.headers['connection']).toBeUndefined();
    for (const payload of ['one', 'two']) {
      expect(await http2.publish(client, payload)).toMatchObject({ data: { publish: { id: expect.any(String) } } });
    }
    await eventually(() => {
      for (const { text } of streams) expect(text).toMatch(/"one"[\s\S]*"two"/);
    });
    // One that its client leaves takes no other with it.
    streams[0]?.stream.close(HTTP2.NGHTTP2_CANCEL);
    await http2.publish(client, 'three');
    await eventually(() => {
      for (const { text } of streams.slice(1)) expect(text).toContain('"three"');
    });
    expect(streams[0]?.text).not.toContain('"three"');
  });

  it('a client of HTTP/1.1 uses requests and sockets on the same port', async () => {
    const [status, protocol] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      requestHttps(
        { port: http2.port, host: '127.0.0.1', path: '/health', ca: http2.certificate.pem, servername: 'localhost' },
        (response) => resolve([response.statusCode, response.httpVersion]),
      )
        .on('error', reject)
        .end();
    });
    expect([status, protocol]).toEqual([200, '1.1']);
    const socket = new WebSocket(`wss://localhost:${http2.port}/graphql`, 'graphql-transport-ws', {
      ca: http2.certificate.pem,
    });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.terminate();
  });

  it.each([SSE, MULTIPART])('a slow reader of %s loses its stream, and no other', async (accept) => {
    const client = await http2.open();
    const quick = client.post(http2.token, HEARD, SSE);
    const slow = client.post(http2.token, LARGE, accept);
    await opened(quick);
    await opened(slow);
    slow.stream.pause();
    const writer = await http2.open();
    await fill(writer, quick);
    slow.stream.resume();
    await eventually(() => expect(slow.text).toContain('"SLOW_READER"'));
    // In steps, and no further than its end: its connection is then asked for life, and has five seconds to answer.
    await eventually(() => {
      if (slow.end === null && accept === SSE) http2.clock.advance(1_000);
      expect(slow.end).not.toBeNull();
    });
    expect(slow.end).toBe(accept === SSE ? HTTP2.NGHTTP2_INTERNAL_ERROR : 0);
    await http2.publish(writer, 'last');
    await eventually(() => expect(quick.text).toContain('"last"'));
    expect([client.isClosed, client.goneAway]).toEqual([false, []]);
  });

  it('a reader that stops reading is reset at its deadline, and its connection stays open', async () => {
    const client = await http2.open();
    const quick = client.post(http2.token, HEARD, SSE);
    const slow = client.post(http2.token, LARGE, SSE);
    await opened(slow);
    slow.stream.pause();
    const writer = await http2.open();
    await fill(writer, quick);
    expect(slow.end).toBeNull();
    http2.clock.advance(5_000);
    await eventually(() => expect(slow.stream.rstCode).toBe(HTTP2.NGHTTP2_INTERNAL_ERROR));
    await http2.publish(writer, 'last');
    await eventually(() => expect(quick.text).toContain('"last"'));
    http2.clock.advance(5_000);
    await http2.publish(client, 'after');
    expect(client.isClosed).toBe(false);
  });

  it('a drain sends GOAWAY: idle connections end, and streams end in turn with an error', async () => {
    const [idle, busy] = [await http2.open(), await http2.open()];
    await http2.publish(idle, 'before');
    const stream = busy.post(http2.token, HEARD, SSE);
    await opened(stream);
    const closed = http2.service.close();
    await eventually(() => expect([idle.goneAway, idle.isClosed, busy.goneAway]).toEqual([[0], true, [0]]));
    expect([stream.end, busy.session.closed]).toEqual([null, true]);
    await eventually(() => expect(http2.clock.isDueIn(WINDOW_MS)).toBe(true));
    http2.clock.advance(WINDOW_MS);
    await isOver(stream);
    expect(stream.text).toContain('"SERVICE_UNAVAILABLE"');
    await closed;
    expect(busy.isClosed).toBe(true);
  });

  describe('the end of a stream that is not read', () => {
    const ENDS: Record<string, (client: Http2Client, stream: Http2Answer) => unknown> = {
      'its client’s reset': (_client, { stream }) => stream.close(HTTP2.NGHTTP2_CANCEL),
      'the end of its connection': (client) => client.close(),
      'an expired token': () => http2.clock.advance(3_700_000),
      'a revoked user': async (client) => {
        const admin = await http2.service.token('admin', { scope: 'realtime:admin' });
        await answered(client.post(admin, { query: 'mutation { revokeUser(userId: "bob") }' }));
        http2.token = await http2.service.token('carol');
      },
    };
    it.each(Object.keys(ENDS))('%s: nothing of it is left', async (name) => {
      const [client, other] = [await http2.open(), await http2.open()];
      const stream = client.post(http2.token, LARGE, SSE);
      await opened(stream);
      stream.stream.pause();
      for (let n = 0; n < 10; n += 1) await http2.publish(other, 'x'.repeat(5_000));
      await ENDS[name]?.(client, stream);
      await eventually(async () => {
        http2.clock.advance(1_000);
        expect(await http2.gauges()).toEqual([0, 0, 0]);
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
      await page.goto(`https://localhost:${http2.port}/health`);
      const given = { token: http2.token, count: 12, heard: HEARD, publication: publication('from a page') };
      const seen = await page.evaluate(`(${IN_PAGE})(${JSON.stringify(given)})`);
      const told = Array.from({ length: 12 }, () => true);
      expect(seen).toEqual({ answer: { data: { publish: { id: expect.any(String) } } }, told, protocols: ['h2'] });
    } finally {
      await browser.close();
    }
  });
});
