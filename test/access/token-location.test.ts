/** `src/access/token-location.ts`: where a token is looked for. */
import { tokenOfConnectionInit, tokenOfHeader } from '../../src/access/token-location.ts';

describe('a token', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer   abc ', 'abc'],
    ['abc', null],
    ['Basic abc', null],
    ['x Bearer abc', null],
    ['Bearer ', null],
    ['Bearer a b', null],
    [undefined, null],
  ])('in the header %j is %j', (header, token) => {
    expect(tokenOfHeader(header)).toBe(token);
  });

  it.each([
    [{ token: 'abc' }, 'abc'],
    [{ token: 'Bearer abc' }, 'abc'],
    [{ authorization: 'Bearer abc' }, 'abc'],
    [{ Authorization: 'abc' }, 'abc'],
    [{ headers: { authorization: 'Bearer abc' } }, 'abc'],
    [{ headers: { Authorization: 'Bearer abc' } }, 'abc'],
    [{ connectionParams: { headers: { authorization: 'abc' } } }, 'abc'],
    [{ token: 'abc', Authorization: 'Bearer abc' }, 'abc'],
    [{ token: 'abc', Authorization: 'Bearer other' }, null],
    [{ token: 'abc', connectionParams: { token: 'other' } }, null],
    // What is no token, or no object, is as good as absent.
    [{ token: 7, headers: null, connectionParams: null }, 'upgraded'],
    [{ token: '', headers: 'authorization', connectionParams: [{ token: 'abc' }] }, 'upgraded'],
    [null, 'upgraded'],
    [[{ token: 'abc' }], 'upgraded'],
    ['abc', 'upgraded'],
  ])('in the payload %j is %j', (payload, token) => {
    expect(tokenOfConnectionInit(payload, 'Bearer upgraded')).toBe(token);
  });
});
