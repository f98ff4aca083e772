/** `src/access/gateway.ts`: who is a gateway is decided by the secret, wherever routers put it. */
import { createStandingOf, secretOfConnectionInit, secretOfHeaders } from '../../src/access/gateway.ts';

describe('the secret of a gateway', () => {
  const { isProven, isTrusted } = { isProven: true, isTrusted: true };

  it.each([
    [['one', 'two'], 'one', { isProven, isTrusted }],
    [['one', 'two'], 'two', { isProven, isTrusted }],
    [['one', 'two'], 'other', { isProven: false, isTrusted: false }],
    [['one', 'two'], undefined, { isProven: false, isTrusted: false }],
    [['one', 'two'], ['one'], { isProven: false, isTrusted: false }],
    [[], 'one', { isProven: false, isTrusted: true }],
    [[], undefined, { isProven: false, isTrusted: true }],
  ])('of %j, %j is: %j', (secrets, given, standing) => {
    expect(createStandingOf(secrets)(given)).toEqual(standing);
  });

  it.each([
    [{ 'Router-Authorization': 'init' }, 'upgrade', 'init'],
    [{ connectionParams: { 'router-authorization': 'init' } }, undefined, 'init'],
    [{ token: 't' }, 'upgrade', 'upgrade'],
    [undefined, 'upgrade', 'upgrade'],
    [undefined, undefined, undefined],
  ])('is in the payload %j, or else in the header %j', (payload, header, secret) => {
    const ofUpgrade = secretOfHeaders(header === undefined ? {} : { 'router-authorization': header });
    expect(secretOfConnectionInit(payload, ofUpgrade)).toBe(secret);
  });
});
