/** Offers of another protocol, of which the service accepts one: WebSocket at its two paths. */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createStandingOf } from '../../src/access/gateway.ts';
import { createAddressOf } from '../../src/transport/peers/address.ts';
import { cameInTheClear } from '../../src/transport/websocket/upgrade.ts';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { startTestService, type TestService } from '../support/service.ts';

describe('a socket that came without TLS', () => {
  const addressOf = createAddressOf(true, createStandingOf([]));
  const came = (remoteAddress: string, headers: IncomingHttpHeaders): boolean =>
    cameInTheClear({ headers, socket: { remoteAddress } as Socket }, addressOf);

  it('is one with X-Forwarded-Proto http, or one that came past the proxy', () => {
    expect(came('10.0.0.1', { 'x-forwarded-proto': 'http' })).toBe(true);
    expect(came('10.0.0.1', { 'x-forwarded-proto': 'https, http' })).toBe(false);
    expect(came('198.51.100.7', { 'x-forwarded-proto': 'wss' })).toBe(false);
    expect(came('198.51.100.7', {})).toBe(true);
    expect(came('198.51.100.7', { 'x-forwarded-for': '10.0.0.1' })).toBe(true);
    // A gateway beside it, or a proxy that does not say.
    expect(came('10.0.0.1', {})).toBe(false);
  });
});

describe('an offer of another protocol', () => {
  let service: TestService;
  let authorization: string;
  beforeAll(async () => {
    service = await startTestService();
    authorization = `Bearer ${await service.token('alice')}`;
  });
  afterAll(() => service.close());

  /** The bytes of an answer to these bytes, on a connection that the client closes when it has `enough`. */
  async function exchange(request: string, enough: RegExp): Promise<string> {
    const socket = connect(service.service.port, '127.0.0.1');
    await once(socket, 'connect');
    let answer = '';
    socket.write(request);
    for await (const chunk of socket) {
      answer += String(chunk);
      if (enough.test(answer)) break;
    }
    return answer;
  }

  const handshake = (path: string): string =>
    [
      `GET ${path} HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: WebSocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: graphql-transport-ws',
      '',
      '',
    ].join('\r\n');

  const BODY = '{"query":"{ viewer { id } }"}';
  const post = (offer: string, path = '/graphql'): string =>
    [
      `POST ${path} HTTP/1.1`,
      'Host: localhost',
      `Authorization: ${authorization}`,
      'Content-Type: application/json',
      `Content-Length: ${BODY.length}`,
      offer,
      '',
      BODY,
    ].join('\r\n');

  it.each([
    [
      'h2c, as Java’s HttpClient and curl --http2 offer it',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk',
    ],
    ['WebSocket, as a proxy forwards it', 'Connection: upgrade\r\nUpgrade: websocket'],
    ['TLS', 'Connection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1'],
  ])('%s, is ignored for a query', async (_, offer) => {
    const answer = await exchange(post(offer), /"id":"alice"/);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('"id":"alice"');
  });

  it('a body that comes after its head is read completely', async () => {
    const socket = connect(service.service.port, '127.0.0.1');
    const request = post('Connection: Upgrade\r\nUpgrade: h2c');
    const at = request.length - 10;
    socket.write(request.slice(0, at));
    await once(socket, 'ready');
    socket.write(request.slice(at));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('G15: a refused upgrade ends in time, also when its client keeps its own side open', async () => {
    const socket = connect({ port: service.service.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined).resume();
    socket.write(handshake('/elsewhere'));
    await once(socket, 'end');
    socket.write('what nobody reads');
    await eventually(async () => expect(await metric(service.url, 'realtime_plain_connections')).toBe(1));
    socket.destroy();
  });

  it('the connection stays open for the next request', async () => {
    const socket = connect(service.service.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.write(post('Connection: Upgrade\r\nUpgrade: h2c'));
    await eventually(() => expect(answer).toContain('"id":"alice"'));
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await eventually(() => expect(answer).toContain('"status":"ok"'));
    socket.destroy();
  });

  it.each([
    ['only the older graphql-ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: graphql-ws'],
    ['only unknown subprotocols', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: x, mqtt'],
    ['no Upgrade header, which a proxy removed', 'Sec-WebSocket-Protocol: graphql-transport-ws'],
    ['only half of the Upgrade headers', 'Upgrade: websocket\r\nSec-WebSocket-Protocol: graphql-transport-ws'],
  ])('a handshake with %s is refused with 400 and a message', async (_, headers) => {
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    const handshake = `GET /graphql HTTP/1.1\r\nHost: localhost\r\n${key}\r\n${headers}\r\n\r\n`;
    const answer = await exchange(handshake, /\}\]\}$/);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    const [, body = ''] = answer.split('\r\n\r\n');
    expect(JSON.parse(body)).toMatchObject({
      errors: [
        { message: expect.stringMatching(/graphql-transport-ws|proxy/), extensions: { code: 'BAD_USER_INPUT' } },
      ],
    });
  });

  const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  const OFFER = `Connection: Upgrade\r\nUpgrade: websocket\r\n${KEY}`;
  const REFUSED: readonly (readonly [string, string, number, string])[] = [
    ['bytes of nothing', 'hello\r\n\r\n', 400, 'BAD_USER_INPUT'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nfoo\r\n\r\n', 400, 'BAD_USER_INPUT'],
    ['the first bytes of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'BAD_USER_INPUT'],
    ['a long URL', `GET /graphql?query=${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'PAYLOAD_TOO_LARGE'],
    ['an invalid URL', 'GET /graphql/%zz HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'BAD_USER_INPUT'],
    ['an unknown path', 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n', 404, 'NOT_FOUND'],
    ['a method that is not allowed', 'DELETE /graphql HTTP/1.1\r\nHost: x\r\n\r\n', 405, 'BAD_USER_INPUT'],
    ['a GET of the raw adapter', 'GET /ws HTTP/1.1\r\nHost: x\r\n\r\n', 426, 'BAD_USER_INPUT'],
    ['a query by GET without a token', 'GET /graphql?query=x HTTP/1.1\r\nHost: x\r\n\r\n', 401, 'UNAUTHENTICATED'],
    ['a handshake at another path', `GET /nothing HTTP/1.1\r\nHost: x\r\n${OFFER}\r\n\r\n`, 404, 'NOT_FOUND'],
    ['a handshake without Host', `GET /ws HTTP/1.1\r\n${OFFER}\r\n\r\n`, 400, 'BAD_USER_INPUT'],
    [
      'a handshake of another origin',
      `GET /ws HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n${OFFER}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      403,
      'FORBIDDEN',
    ],
    [
      'a handshake of another version',
      `GET /ws HTTP/1.1\r\nHost: x\r\n${OFFER}\r\nSec-WebSocket-Version: 12\r\n\r\n`,
      400,
      'BAD_USER_INPUT',
    ],
  ];

  it.each(REFUSED)('%s is refused by an error of the closed list', async (_, bytes, status, code) => {
    const answer = await exchange(bytes, /\]\}\n?$/);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`));
    expect(head).toMatch(/\r\ncontent-type: application\/json; charset=utf-8/i);
    expect(JSON.parse(body)).toMatchObject({
      errors: [{ message: expect.stringMatching(/.\.$/), extensions: { code } }],
    });
    if (status === 426) expect(head).toContain('\r\nupgrade: websocket');
    if (bytes.includes('Version: 12')) expect(head).toContain('\r\nSec-WebSocket-Version: 13');
  });

  it('a handshake is accepted with a slash at the end of its path, and at no other path', async () => {
    for (const path of ['/graphql', '/graphql/', '/graphql?x=1', '/graphql/?x=1'])
      expect([path, await exchange(handshake(path), /\r\n\r\n/)]).toEqual([path, expect.stringMatching(/ 101 /)]);
    // Unless TLS is required, a proxy may say that there was none.
    const clear = handshake('/graphql').replace('Connection:', 'X-Forwarded-Proto: http\r\nConnection:');
    expect(await exchange(clear, /\r\n\r\n/)).toMatch(/ 101 /);
    for (const path of ['/', '/graphql/x', '/ws/x', '/health'])
      expect([path, await exchange(handshake(path), /\r\n\r\n/)]).toEqual([path, expect.stringMatching(/ 404 /)]);
  });
});
