import { PassThrough, Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import type { FastifyRequest } from 'fastify';
import { createStandingOf } from '../../src/access/gateway.ts';
import { LIMITS } from '../../src/limits.ts';
import { bytesToCome } from '../../src/transport/http/arriving-bodies.ts';
import {
  cutBody,
  hasJsonBody,
  isBrowser,
  isSdlRequest,
  requireReadable,
  requireUtf8,
} from '../../src/transport/http/graphql-requests.ts';
import { createAddressOf } from '../../src/transport/peers/address.ts';
import { isHandshake, isStrippedHandshake } from '../../src/transport/websocket/upgrade.ts';

describe('the address by which a request is counted', () => {
  const SECRET = 'a-secret-of-the-gateway';
  const trusting = createAddressOf(true, createStandingOf([SECRET]));
  const direct = createAddressOf(false, createStandingOf([SECRET]));
  const of = (peer: string | undefined, forwarded?: string | string[], headers = {}) =>
    ({
      headers: { ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }), ...headers },
      socket: { remoteAddress: peer },
    }) as never;
  const INSIDE = '10.0.0.1';

  it.each<[string, string | string[] | undefined, string | null]>([
    ['203.0.113.9', undefined, '203.0.113.9'],
    ['::ffff:203.0.113.9', undefined, '203.0.113.9'],
    ['64:ff9b::203.0.113.9', undefined, '203.0.113.9'],
    ['2001:db9:1:2:3:4:5:6', undefined, '8193:3513:1:2'],
    [INSIDE, undefined, null],
    ['127.0.0.1', undefined, null],
    ['fe80::1', undefined, null],
    ['fd00::1', undefined, null],
    ['100.64.0.1', undefined, null],
    ['0.0.0.0', undefined, null],
    [INSIDE, '', null],
    [INSIDE, '  ', null],
    [INSIDE, '8.8.8.8', '8.8.8.8'],
    [INSIDE, '8.8.8.8, 10.0.0.2, 192.168.1.1', '8.8.8.8'],
    [INSIDE, '9.9.9.9, 8.8.8.8', '8.8.8.8'],
    [INSIDE, ['9.9.9.9', '8.8.8.8, 10.0.0.2'], '8.8.8.8'],
    [INSIDE, '10.0.0.2', null],
    [INSIDE, '8.8.8.8:4711', '8.8.8.8'],
    [INSIDE, '"[2001:db9::1]:443"', '8193:3513:0:0'],
    [INSIDE, '[2001:db9::1]', '8193:3513:0:0'],
    [INSIDE, '"8.8.8.8"', '8.8.8.8'],
    [INSIDE, '8.8.8.8, unknown', `unreadable by ${INSIDE}`],
    ['203.0.113.9', '8.8.8.8, unknown', '203.0.113.9'],
    [INSIDE, '127.1', `unreadable by ${INSIDE}`],
    [INSIDE, '0x7f000001', `unreadable by ${INSIDE}`],
    [INSIDE, '8.8.8.8'.padEnd(LIMITS.addressCharacters), '8.8.8.8'],
    [INSIDE, '8.8.8.8'.padEnd(LIMITS.addressCharacters + 1), `unreadable by ${INSIDE}`],
    [INSIDE, ['7.7.7.7', ...Array.from({ length: LIMITS.forwardedHops - 1 }, () => '10.0.0.2')].join(), '7.7.7.7'],
    [INSIDE, ['7.7.7.7', ...Array.from({ length: LIMITS.forwardedHops }, () => '10.0.0.2')].join(), null],
  ])('of %s, forwarded for %j, is %s', (peer, forwarded, address) => {
    expect(trusting(of(peer, forwarded))).toBe(address);
  });

  it('is that of the peer where no proxy is trusted', () => {
    expect([direct(of('203.0.113.9', '8.8.8.8')), direct(of(INSIDE, '8.8.8.8')), direct(of(undefined))]).toEqual([
      '203.0.113.9',
      null,
      null,
    ]);
  });

  it('is none of a proven gateway', () => {
    const proof = { 'router-authorization': SECRET };
    expect(trusting(of('203.0.113.9', '8.8.8.8', proof))).toBeNull();
    expect(trusting(of('203.0.113.9', '8.8.8.8', { 'router-authorization': 'other' }))).toBe('8.8.8.8');
  });
});

describe('a body that is to come', () => {
  it.each([
    [{}, 0],
    [{ 'content-length': '7' }, 7],
    [{ 'content-length': 'x' }, 0],
    [{ 'content-length': '7', 'transfer-encoding': 'chunked' }, 7],
    [{ 'transfer-encoding': 'chunked' }, Number.POSITIVE_INFINITY],
  ])('by %j has %i bytes', (headers, bytes) => {
    expect(bytesToCome({ headers })).toBe(bytes);
  });

  it('without a token is cut at its length', async () => {
    const most = 'x'.repeat(LIMITS.strangerBodyBytes);
    expect(await textOf(cutBody(Readable.from([Buffer.from(most)])))).toBe(most);
    const cut = cutBody(Readable.from([Buffer.from(most), Buffer.from('x')]));
    await expect(textOf(cut)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    const broken = new PassThrough();
    const passed = cutBody(broken);
    broken.destroy(new Error('gone'));
    await expect(textOf(passed)).rejects.toThrow('gone');
  });
});

describe('a request to /graphql', () => {
  const requestOf = (headers: Record<string, string>, query = {}): FastifyRequest => ({ headers, query }) as never;
  const fails = (work: () => void): boolean => {
    try {
      work();
      return false;
    } catch {
      return true;
    }
  };

  it.each([
    [{}, false],
    [{ 'content-type': 'application/json' }, false],
    [{ 'content-type': 'application/json; charset=UTF-8' }, false],
    [{ 'content-type': 'application/json;charset="utf8"' }, false],
    [{ 'content-type': 'application/json; charset=us-ascii' }, false],
    [{ 'content-type': 'application/json; charset=latin1' }, true],
    [{ 'content-type': 'application/json; charset=utf-16' }, true],
    [{ 'content-encoding': 'gzip' }, true],
    [{ 'content-encoding': 'identity' }, false],
  ])('with %j is refused: %s', (headers, isRefused) => {
    expect(fails(() => requireUtf8(requestOf(headers as never)))).toBe(isRefused);
  });

  it.each([
    ['application/json', true],
    ['application/graphql+json', true],
    ['Application/JSON; charset=utf-8', true],
    ['application/jsonp', false],
    ['text/json', false],
    ['', false],
  ])('of the type %s is JSON: %s', (type, is) => {
    expect(hasJsonBody(requestOf({ 'content-type': type }))).toBe(is);
    expect(hasJsonBody(requestOf({}))).toBe(false);
  });

  it('is of a person in a browser when it accepts a page and asks for nothing', () => {
    const accept = 'text/html,*/*';
    expect([
      isBrowser(requestOf({ accept })),
      isBrowser(requestOf({ accept }, { query: '{ a }' })),
      isBrowser(requestOf({ accept: '*/*' })),
      isBrowser(requestOf({})),
    ]).toEqual([true, false, false, false]);
  });

  it('needs a host and a scheme of which a URL can be made', () => {
    const of = (hostname: string) => ({ url: '/graphql', protocol: 'http', hostname }) as FastifyRequest;
    expect([fails(() => requireReadable(of('example.com'))), fails(() => requireReadable(of('a b')))]).toEqual([
      false,
      true,
    ]);
  });

  it.each([
    ['{ _service { sdl } }', true],
    ['query A { _service { sdl } } query B { _service { sdl } }', true],
    ['{ _service { sdl } viewer { id } }', false],
    ['{ ...F } fragment F on Query { _service { sdl } }', false],
    ['{ ... on Query { _service { sdl } } }', false],
    ['type A { b: Int }', false],
    ['fragment F on Query { _service { sdl } }', false],
    ['{ _service { sdl } } fragment F on Query { _service { sdl } }', false],
    ['{', false],
    [`{ _service { sdl } }${' '.repeat(LIMITS.openDocumentBytes)}`, false],
    [`{ _service { ${'sdl '.repeat(60)} } }`, false],
    [7, false],
  ])('%j is for the SDL only: %s', (query, is) => {
    expect(isSdlRequest({ query })).toBe(is);
    expect(isSdlRequest(null)).toBe(false);
  });
});

describe('an offer to upgrade', () => {
  const of = (method: string, headers: Record<string, string>) => ({ method, headers }) as never;
  const key = { 'sec-websocket-key': 'x' };

  it('is a handshake of a web socket with its headers, or without them behind a proxy', () => {
    expect(isHandshake(of('GET', { upgrade: 'WebSocket', ...key }))).toBe(true);
    for (const other of [
      of('POST', { upgrade: 'websocket', ...key }),
      of('GET', { upgrade: 'h2c', ...key }),
      of('GET', { upgrade: 'websocket' }),
      of('GET', key),
    ])
      expect(isHandshake(other)).toBe(false);
    expect([
      isStrippedHandshake(of('GET', key)),
      isStrippedHandshake(of('POST', key)),
      isStrippedHandshake(of('GET', {})),
    ]).toEqual([true, false, false]);
  });
});
