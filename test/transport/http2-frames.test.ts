/** Random HTTP/2 frames in any order: the process and other clients are not affected. */

import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { connectHttp2, gaugesOf } from '../support/http2-client.ts';
import { connectFrames, END_HEADERS, END_STREAM, FRAME, frame, headerBlock, number } from '../support/http2-frames.ts';
import { startTestService, type TestService } from '../support/service.ts';

const BODY = Buffer.from('{"query":"{ __typename }"}');

const name = fc.constantFrom(
  ':method',
  ':path',
  ':scheme',
  ':authority',
  ':protocol',
  'host',
  'content-type',
  'content-length',
  'transfer-encoding',
  'connection',
  'te',
  'accept',
  'expect',
  'Upper',
);
const value = fc.constantFrom(
  'GET',
  'POST',
  'CONNECT',
  'PUT',
  '/graphql',
  '/health',
  '*',
  '',
  'https',
  'localhost',
  'websocket',
  'application/json',
  'text/event-stream',
  String(BODY.length),
  '5',
  '-1',
  'chunked',
  '100-continue',
);
/** A request that is well formed but for what replaces parts of it. */
const headers = fc.dictionary(name, value, { maxKeys: 3 }).map((given) =>
  headerBlock({
    ':method': 'POST',
    ':path': '/graphql',
    ':scheme': 'https',
    ':authority': 'localhost',
    'content-type': 'application/json',
    ...given,
  }),
);
const stream = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(1, 3, 5, 7, 9, 11) },
  { weight: 1, arbitrary: fc.nat(14) },
);
const flags = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, END_STREAM, END_HEADERS, END_HEADERS | END_STREAM) },
  { weight: 1, arbitrary: fc.nat(255) },
);
const counts = fc.constantFrom(0, 1, 8, 65_535, 2 ** 31 - 1, 2 ** 32 - 1).map(number);
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

/** A request with its body, and perhaps its end: the server reads them at once. */
const request = fc
  .tuple(stream, headers, fc.constantFrom('none', 'reset', 'trailers'), counts)
  .map(([id, block, end, code]) => [
    frame(FRAME.headers, END_HEADERS, id, block),
    frame(FRAME.data, end === 'none' ? END_STREAM : 0, id, BODY),
    ...(end === 'reset' ? [frame(FRAME.reset, 0, id, code)] : []),
    ...(end === 'trailers' ? [frame(FRAME.headers, END_HEADERS | END_STREAM, id, headerBlock({ 'x-sum': '1' }))] : []),
  ]);

const anyFrame = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(stream, headers).map(([id, block]) => frame(FRAME.headers, END_HEADERS, id, block)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(flags, stream, headers).map(([set, id, block]) => frame(FRAME.headers, set, id, block)),
  },
  { weight: 4, arbitrary: fc.tuple(flags, stream).map(([set, id]) => frame(FRAME.data, set & END_STREAM, id, BODY)) },
  { weight: 3, arbitrary: fc.tuple(stream, counts).map(([id, code]) => frame(FRAME.reset, 0, id, code)) },
  { weight: 2, arbitrary: fc.tuple(stream, counts).map(([id, size]) => frame(FRAME.update, 0, id, size)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xbe), flags, stream, bytes)
      .map(([type, set, id, payload]) => frame(type, set, id, payload)),
  },
);
/** Whether the frames arrive together, and how the connection ends. */
const history = fc.record({
  frames: fc.array(fc.oneof(request, fc.tuple(anyFrame)), { minLength: 1, maxLength: 8 }).map((parts) => parts.flat()),
  isOneWrite: fc.boolean(),
  isCut: fc.boolean(),
});

describe('frames of HTTP/2', () => {
  let certificate: TestCertificate;
  let test: TestService;
  beforeAll(async () => {
    certificate = makeCertificate(30);
    const env = { TLS_CERT_FILE: certificate.certFile, TLS_KEY_FILE: certificate.keyFile, RATE_LIMIT_ENABLED: 'false' };
    test = await startTestService({ env });
  });
  afterAll(async () => {
    await test.close();
    certificate.remove();
  });

  it('in random order neither end the process nor affect others', async () => {
    const other = await connectHttp2(test.service.port, certificate);
    await fc.assert(
      fc.asyncProperty(history, async ({ frames, isOneWrite, isCut }) => {
        const client = await connectFrames(test.service.port, certificate);
        if (isOneWrite) client.send(...frames);
        else for (const each of frames) client.send(each);
        if (isCut) client.socket.destroy();
        else client.socket.end();
        const alive = other.ask({ ':path': '/health' });
        await eventually(() => expect(alive.end).not.toBeNull());
        expect([alive.status, alive.end]).toEqual([200, 0]);
      }),
      { numRuns: 400, seed: 2711 },
    );
    other.close();
  });

  it('G10: an unread answer takes as much memory as is counted for it', async () => {
    const held = (): number => process.memoryUsage().arrayBuffers;
    const before = held();
    // Windows of 0: no byte of a response may be sent.
    const client = await connectFrames(test.service.port, certificate, Buffer.concat([Buffer.from([0, 4]), number(0)]));
    const sdl = Buffer.from('{"query":"{ _service { sdl } }"}');
    const block = headerBlock({
      ':method': 'POST',
      ':path': '/graphql',
      ':scheme': 'https',
      ':authority': 'localhost',
      'content-type': 'application/json',
    });
    for (let id = 1; id < 200; id += 2)
      client.send(frame(FRAME.headers, END_HEADERS, id, block), frame(FRAME.data, END_STREAM, id, sdl));
    let counted = 0;
    await eventually(async () => {
      [, , counted = 0] = await gaugesOf(test.service.port, certificate);
      expect(counted).toBeGreaterThan(100 * 50_000);
    });
    // At once: in a minute an unread answer is given up.
    expect(held() - before).toBeLessThan(counted * 1.8);
    client.socket.destroy();
    await eventually(async () => expect(await gaugesOf(test.service.port, certificate)).toEqual([0, 0, 0]));
  });
});
