/** Requests that are not what HTTP asks, byte by byte. */
import { connect } from 'node:net';
import { startTestService, type TestService } from '../support/service.ts';
import { IS_FULL } from './settings.ts';

const BODY = '{"query":"{ viewer { id } }"}';
/** Past `requestTimeout` (30 s) and the next look at it (5 s). */
const STALLED_MS = 45_000;

describe('G13: HTTP framing', () => {
  let service: TestService;
  let token: string;
  beforeAll(async () => {
    service = await startTestService();
    token = await service.token('alice');
  });
  afterAll(() => service.close());

  /** Everything that is answered until the connection is closed, or until `isEnough`. */
  const send = (bytes: string | Buffer, isEnough: (text: string) => boolean = () => false): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(service.service.port, '127.0.0.1');
      let text = '';
      const done = (): void => {
        socket.destroy();
        resolve(text);
      };
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (isEnough(text)) done();
      });
      socket.on('error', done).on('close', done);
      socket.write(bytes);
    });
  const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
  const status = async (bytes: string | Buffer): Promise<number> =>
    statusOf(await send(bytes, (text) => text.includes('\r\n\r\n')));
  const head = (line: string, ...headers: string[]): string => [line, ...headers, '', ''].join('\r\n');
  const post = (...headers: string[]): string =>
    head(
      'POST /graphql HTTP/1.1',
      'Host: x',
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      ...headers,
    );
  const upgrade = (...headers: string[]): string =>
    head(
      'GET /graphql HTTP/1.1',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      'Sec-WebSocket-Protocol: graphql-transport-ws',
      ...headers,
    );

  it('the same request as it should be is answered', async () => {
    expect(await status(`${post(`Content-Length: ${BODY.length}`)}${BODY}`)).toBe(200);
    expect(await status(upgrade('Host: x'))).toBe(101);
  });

  it.each<[string, () => string, readonly number[]]>([
    ['both a length and chunks', () => `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`, [400]],
    ['two lengths', () => `${post('Content-Length: 5', 'Content-Length: 6')}hello`, [400]],
    ['a length that is none', () => `${post('Content-Length: -1')}hello`, [400]],
    ['a chunk whose size is none', () => `${post('Transfer-Encoding: chunked')}xyz\r\n`, [400]],
    ['NUL in a header', () => post('X-A: a\0b'), [400]],
    ['a header of 20 KB', () => post(`X-A: ${'a'.repeat(20_000)}`), [431]],
    ['2,001 headers', () => post(...Array.from({ length: 2_001 }, (_, n) => `a${n}:b`)), [431]],
    ['lines that end in LF only', () => 'GET /health HTTP/1.1\nHost: x\n\n', [400]],
    ['no host', () => head('GET /health HTTP/1.1'), [400]],
    ['an upgrade without a host', () => upgrade(), [400]],
    [
      'an upgrade of two origins',
      () => upgrade('Host: x', 'Origin: http://localhost', 'Origin: https://evil.tld'),
      [403],
    ],
    ['an upgrade of origin null', () => upgrade('Host: x', 'Origin: null'), [403]],
    [
      'an upgrade to h2c',
      () => head('GET /graphql HTTP/1.1', 'Host: x', 'Upgrade: h2c', 'Connection: Upgrade'),
      [400, 426],
    ],
    ['an upgrade by POST', () => upgrade('Host: x').replace('GET', 'POST'), [400, 405]],
    ['a version of the protocol there is not', () => upgrade('Host: x').replace('n: 13', 'n: 99'), [400, 426]],
    ['TRACE', () => head('TRACE /graphql HTTP/1.1', 'Host: x'), [404, 405]],
    ['PROPFIND', () => head('PROPFIND /graphql HTTP/1.1', 'Host: x'), [404, 405]],
    ['a method there is not', () => head('NONSENSE /graphql HTTP/1.1', 'Host: x'), [400]],
    ['a path above', () => head('GET /graphql/../admin HTTP/1.1', 'Host: x'), [404]],
    ['a path above, packed', () => head('GET /%2e%2e/graphql HTTP/1.1', 'Host: x'), [404]],
    ['a path that is no path', () => head('GET /%zz HTTP/1.1', 'Host: x'), [400, 404]],
    ['two slashes', () => head('GET //graphql HTTP/1.1', 'Host: x'), [404]],
    ['a path of 20 KB', () => head(`GET /${'a'.repeat(20_000)} HTTP/1.1`, 'Host: x'), [414, 431]],
    ['a query of 20 KB', () => head(`GET /graphql?query=${'a'.repeat(20_000)} HTTP/1.1`, 'Host: x'), [414, 431]],
    [
      'a body packed twice',
      () => `${post(`Content-Length: ${BODY.length}`, 'Content-Encoding: gzip, gzip')}${BODY}`,
      [415],
    ],
    [
      'a body packed with brotli',
      () => `${post(`Content-Length: ${BODY.length}`, 'Content-Encoding: br')}${BODY}`,
      [415],
    ],
    [
      'GET of a mutation',
      () =>
        head(
          'GET /graphql?query=mutation{revokeOtherSessions} HTTP/1.1',
          'Host: x',
          `Authorization: Bearer ${token}`,
          'X-Apollo-Operation-Name: x',
        ),
      [405],
    ],
    [
      'a form',
      () => `${post(`Content-Length: ${BODY.length}`).replace('application/json', 'multipart/form-data')}${BODY}`,
      [400, 415],
    ],
  ])('%s', async (_, bytes, expected) => {
    const answer = await send(bytes(), (text) => text.includes('\r\n\r\n'));
    expect(expected).toContain(statusOf(answer));
    expect(answer).not.toMatch(/node_modules|\.ts:|stack/);
  });

  it('bytes that are not HTTP, and CONNECT, are answered with an end', async () => {
    for (const bytes of [
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0xff]),
      head('CONNECT x:1 HTTP/1.1', 'Host: x'),
      '\0'.repeat(10_000),
    ])
      expect(statusOf(await send(bytes))).not.toBe(200);
  });

  it('what a header claims to be is not believed', async () => {
    const spoofed = post(
      `Content-Length: ${BODY.length}`,
      'X-User-Id: bob',
      'X-Tenant-Id: other',
      'X-Forwarded-For: "><script>',
    );
    expect(await send(`${spoofed}${BODY}`, (text) => text.includes('viewer'))).toContain('"id":"alice"');
    for (const accept of ['*/*;q=0', 'text/html', 'a/b;'.repeat(2_000), ';;;,,,', 'application/json;q=x'])
      expect(await status(`${post(`Content-Length: ${BODY.length}`, `Accept: ${accept}`)}${BODY}`)).toBeLessThan(500);
  });

  it('a thousand requests at once on one connection are each answered', async () => {
    const count = (text: string): number => text.split('HTTP/1.1 200').length - 1;
    const text = await send(head('GET /health HTTP/1.1', 'Host: x').repeat(1_000), (all) => count(all) >= 1_000);
    expect(count(text)).toBe(1_000);
  });

  (IS_FULL ? it : it.skip)(
    'who begins and does not go on is cut off',
    async () => {
      const stalled = [
        'GET /health HTTP/1.1\r\nHost: x\r\n',
        `${post('Content-Length: 1000')}{`,
        `${post('Transfer-Encoding: chunked')}5\r\n{"que`,
      ];
      const answers = await Promise.all(stalled.map((bytes) => send(bytes)));
      expect(answers.map(statusOf)).toEqual([408, 408, 408]);
    },
    STALLED_MS,
  );
});
