/** Clients that abuse HTTP/2: each is closed alone, and the others are served. */
import { constants as HTTP2 } from 'node:http2';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
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
import { Http2Service, isOver, LARGE, SSE } from './http2-service.ts';

describe('HTTP/2', () => {
  const http2 = new Http2Service();

  describe('clients that exceed limits', () => {
    const ASKED = { ':scheme': 'https', ':authority': 'localhost', ':path': '/graphql' };
    const POST = { ...ASKED, ':method': 'POST', 'content-type': 'application/json' };
    const GET = { ...ASKED, ':method': 'GET', ':path': '/health' };
    const asked = (id: number, headers: Record<string, string>, flags = END_HEADERS): Buffer =>
      frame(FRAME.headers, flags, id, headerBlock(headers));
    const raw = (settings?: Buffer): Promise<FrameClient> => connectFrames(http2.port, http2.certificate, settings);
    /** The others are served all the same. */
    async function isServed(): Promise<void> {
      const client = await http2.open();
      await http2.publish(client, 'still here');
      client.close();
    }

    it('a request over the cap of streams is refused with REFUSED_STREAM', async () => {
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

    it('headers over the cap end only their stream', async () => {
      const client = await http2.open();
      await eventually(() => expect(client.session.remoteSettings.maxHeaderListSize).toBe(LIMITS.headerBytes));
      const large = client.ask({ ':path': '/health', 'x-large': 'x'.repeat(20_000) });
      await isOver(large);
      expect([large.status, large.end]).toEqual([0, HTTP2.NGHTTP2_ENHANCE_YOUR_CALM]);
      await http2.publish(client, 'after');
    });

    it('rapid resets (CVE-2023-44487), endless CONTINUATION and endless SETTINGS do not affect others', async () => {
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

    it('an incomplete body is answered with 408 at its deadline; a connection without a request ends', async () => {
      const silent = await raw();
      const client = await http2.open();
      const half = client.session.request({ ...POST, authorization: `Bearer ${http2.token}` }, { endStream: false });
      let status = 0;
      half
        .on('error', () => undefined)
        .on('response', (headers) => {
          status = Number(headers[':status']);
        });
      half.write('{"query":');
      await eventually(() => expect(http2.clock.isDueIn(30_000)).toBe(true));
      http2.clock.advance(10_000);
      await eventually(() => expect(silent.isClosed).toBe(true));
      http2.clock.advance(20_000);
      await eventually(() => expect(status).toBe(408));
      await eventually(() => expect(half.closed).toBe(true));
      await http2.publish(client, 'after');
      http2.clock.advance(3_600_000);
      await eventually(() => expect([client.isClosed, client.goneAway]).toEqual([true, [0]]));
    });

    it('a long body without length and token is refused, and so is a request without :authority', async () => {
      const client = await http2.open();
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
      await http2.publish(client, 'after');
    });

    it('a connection that reads nothing after its stream was reset is closed', async () => {
      const window = 2 ** 31 - 1;
      const settings = Buffer.concat([Buffer.from([0, 4]), number(window)]);
      const client = await raw(settings);
      const body = Buffer.from(JSON.stringify(LARGE));
      client.send(
        frame(FRAME.update, 0, 0, number(window - 65_535)),
        asked(1, { ...POST, accept: SSE, authorization: `Bearer ${http2.token}` }),
        frame(FRAME.data, END_STREAM, 1, body),
      );
      await eventually(() => expect(client.frames.map(([type]) => type)).toContain(FRAME.headers));
      client.socket.pause();
      const writer = await http2.open();
      await eventually(async () => {
        for (let n = 0; n < 20; n += 1) await http2.publish(writer, 'x'.repeat(20_000));
        expect((await http2.gauges())[1]).toBe(0);
      });
      http2.clock.advance(TIMES.terminateMs);
      await eventually(async () => expect(await http2.gauges()).toEqual([0, 0, 0]));
      http2.clock.advance(TIMES.terminateMs);
      client.socket.resume();
      await eventually(() => expect(client.isClosed).toBe(true));
    });
  });
});
