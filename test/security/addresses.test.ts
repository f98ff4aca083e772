/** The address that a request is counted for: no header, and no missing one, is a way around the cap. */
import type { IncomingMessage } from 'node:http';
import { createStandingOf } from '../../src/access/gateway.ts';
import { type AddressOf, createAddressOf } from '../../src/transport/peers/address.ts';
import fc from '../support/fast-check.ts';

const SECRET = 'a-secret-of-the-gateway';
const addressOf = (trustProxy: boolean): AddressOf => createAddressOf(trustProxy, createStandingOf([SECRET]));
const request = (peer: string, headers: IncomingMessage['headers']): Parameters<AddressOf>[0] => ({
  headers,
  socket: { remoteAddress: peer } as IncomingMessage['socket'],
});
const behindProxy = (forwarded: string | undefined, peer = '10.0.0.2'): string | null =>
  addressOf(true)(request(peer, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }));

const NETWORK = '8193:3512:1:2';

describe('the address that a request is counted for', () => {
  it.each([
    ['an address', '8.8.8.8', '8.8.8.8'],
    ['one with a port', '8.8.8.8:4711', '8.8.8.8'],
    ['one in quotes', '"8.8.8.8"', '8.8.8.8'],
    ['one in quotes with a port', '"8.8.8.8:4711"', '8.8.8.8'],
    ['one mapped into IPv6', '::ffff:8.8.8.8', '8.8.8.8'],
    ['one mapped into IPv6, in brackets with a port', '[::ffff:8.8.8.8]:4711', '8.8.8.8'],
    ['one translated by NAT64', '64:ff9b::8.8.8.8', '8.8.8.8'],
    ['IPv6', '2001:db8:1:2::3', NETWORK],
    ['IPv6 in brackets', '[2001:db8:1:2::3]', NETWORK],
    ['IPv6 in brackets with a port', '[2001:db8:1:2::3]:443', NETWORK],
    ['IPv6 in quotes and brackets with a port', '"[2001:db8:1:2:ffff::9]:443"', NETWORK],
    ['IPv6 with a zone', '2001:db8:1:2::3%eth0', NETWORK],
    ['spaces around', '  8.8.8.8 , 10.0.0.1 ', '8.8.8.8'],
    ['an internal proxy behind it', '8.8.8.8:1, 10.0.0.1:2, [fd00::1]:3', '8.8.8.8'],
    ['a forged address before it', '1.1.1.1, unknown, "x, 8.8.8.8:99', '8.8.8.8'],
    ['more hops than there are proxies', `${'9.9.9.9,'.repeat(2_000)}8.8.8.8`, '8.8.8.8'],
    ['only internal addresses', '192.168.0.1, 10.0.0.1', null],
  ])('of X-Forwarded-For: %s', (_name, forwarded, counted) => {
    expect(behindProxy(forwarded)).toBe(counted);
  });

  it.each([
    ['no header', undefined],
    ['an empty header', ''],
    ['blanks', '  '],
  ])('%s: the peer counts, unless it is an internal proxy', (_name, forwarded) => {
    expect(behindProxy(forwarded, '203.0.113.9')).toBe('203.0.113.9');
    expect(behindProxy(forwarded, '10.0.0.2')).toBeNull();
  });

  it.each([
    'unknown',
    '_hidden',
    '8.8.8',
    '0x8.8.8.8',
    '8.8.8.8:',
    '[8.8.8.8',
    '8.8.8.8, unknown',
    '9.9.9.9,',
    'x'.repeat(9_000),
  ])('an unreadable last hop counts as its peer: %.30s', (forwarded) => {
    expect(behindProxy(forwarded, '203.0.113.9')).toBe('203.0.113.9');
    expect(behindProxy(forwarded, '10.0.0.2')).toBe('unreadable by 10.0.0.2');
  });

  it('the header of an untrusted peer is ignored', () => {
    const told = { 'x-forwarded-for': '8.8.8.8' };
    expect(addressOf(false)(request('203.0.113.9', told))).toBe('203.0.113.9');
    expect(addressOf(false)(request('::ffff:203.0.113.9', told))).toBe('203.0.113.9');
  });

  it('a proven gateway is not counted, and another one is', () => {
    const of = (secret: string): string | null =>
      addressOf(true)(request('203.0.113.9', { 'router-authorization': secret }));
    expect([of(SECRET), of('another-secret-of-16')]).toEqual([null, '203.0.113.9']);
  });

  it('the address that the proxy adds counts, whatever a client writes before it', () => {
    const port = fc.option(fc.nat({ max: 65_535 }));
    const written = fc.tuple(fc.string({ maxLength: 200 }), port, fc.constantFrom('', ', 10.1.2.3', ',"[fd00::1]:80"'));
    fc.assert(
      fc.property(written, ([made, at, proxies]) => {
        const client = at === null ? '8.8.8.8' : `8.8.8.8:${at}`;
        expect(behindProxy(`${made},${client}${proxies}`)).toBe('8.8.8.8');
      }),
    );
  });

  it('a header whose last hop is external or unreadable is counted', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.constantFrom('10.0.0.2', '203.0.113.9'), (made, peer) => {
        const last = made.split(',').at(-1) ?? '';
        fc.pre(made.trim() !== '' && !/^\W*(10|127|169|172|192|100|0|f|:)/i.test(last));
        expect(behindProxy(made, peer)).not.toBeNull();
      }),
    );
  });
});
