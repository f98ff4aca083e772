/** `src/access/claims.ts`: which claims of a verified token make a viewer, and what they grant. */
import { toViewer } from '../../src/access/claims.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';

const NOW = 1_800_000_000;
const AHEAD = TIMES.clockToleranceMs / 1_000;
const CLAIMS = { sub: 'alice', exp: NOW + 60 };
const NAMES = { tenant: 'tenant', scope: null };

const read = (claims: object, isOurs = false, names: { tenant: string; scope: string | null } = NAMES) =>
  toViewer({ ...CLAIMS, ...claims }, names, isOurs, NOW * 1_000);

describe('claims', () => {
  it.each([
    ['without more', {}, {}],
    ['of a tenant', { tenant: 'acme' }, { tenant: 'acme' }],
    ['issued within the skew of clocks', { iat: NOW + AHEAD }, { issuedAt: (NOW + AHEAD) * 1_000 }],
    ['issued at a fraction of a second', { iat: NOW - 0.5 }, { issuedAt: NOW * 1_000 - 500 }],
    ['with the last date', { exp: LIMITS.dateMs / 1_000 }, { expiresAt: LIMITS.dateMs }],
    ['of a client without `sub`', { sub: undefined, client_id: 'worker', azp: 'other' }, { userId: 'worker' }],
    ['of a client named by `azp`', { sub: undefined, azp: 'worker' }, { userId: 'worker' }],
    ['with a session of the platform', { sid: 's1', did: 'd1' }, { sessionId: null, deviceId: 's1' }],
    ['with scopes in a text', { scope: 'a  b' }, { scopes: new Set(['a', 'b']) }],
    ['with scopes in a list', { scp: ['a', 7] }, { scopes: new Set(['a']) }],
    ['with both claims of scopes', { scope: 'a', scp: 'b' }, { scopes: new Set(['a']) }],
    ['with topics', { topics_publish: 'a b', topics_subscribe: 7 }, { topics: { publish: ['a', 'b'], subscribe: [] } }],
  ])('%s are valid', (_, claims, viewer) => {
    expect(read(claims)).toMatchObject({ outcome: 'valid', viewer: { userId: 'alice', tenant: 'default', ...viewer } });
  });

  it.each([
    ['issued further ahead', { iat: NOW + AHEAD + 1 }],
    ['without a user', { sub: undefined }],
    ['of a user that is no text', { sub: 7 }],
    ['of a user that is no id', { sub: '' }],
    ['of no tenant', { tenant: null }],
    ['of a tenant that is no id', { tenant: '' }],
    ['without an end', { exp: undefined }],
    ['with an end past all dates', { exp: LIMITS.dateMs / 1_000 + 1 }],
  ])('%s are invalid', (_, claims) => {
    expect(read(claims)).toEqual({ outcome: 'invalid' });
  });

  it('of a session name it and the device', () => {
    const named = { outcome: 'valid', viewer: { sessionId: 's1', deviceId: 'd1' } };
    expect(read({ sid: 's1', did: 'd1' }, true)).toMatchObject(named);
    for (const sid of [undefined, 7, '']) expect(read({ sid }, true)).toEqual({ outcome: 'invalid' });
    expect(read({ sub: undefined, azp: 'worker', sid: 's1' }, true)).toEqual({ outcome: 'invalid' });
  });

  it('have the names that the issuer gives them', () => {
    const names = { tenant: 'org', scope: 'rights' };
    const claims = { org: 'acme', rights: 'a', tenant: 'other', scope: 'b' };
    expect(read(claims, false, names)).toMatchObject({ viewer: { tenant: 'acme', scopes: new Set(['a']) } });
  });
});
