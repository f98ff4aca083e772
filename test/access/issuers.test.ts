/** Several issuers at the same time, and the tokens of services in the forms that they issue. */
import { SignJWT } from 'jose';
import type { Verification } from '../../src/access/claims.ts';
import { createTokenIssuer, createTokenVerifier } from '../../src/access/tokens.ts';
import { readConfig } from '../../src/config.ts';
import type { Viewer } from '../../src/model.ts';
import { TestClock } from '../support/test-clock.ts';
import { type Issuer, startIssuer } from './issuer.ts';

const [OLD, OTHER] = ['o'.repeat(32), 'x'.repeat(32)];

describe('JWT_ISSUERS', () => {
  let keys: Issuer;
  let verify: (token: string) => Promise<Verification>;
  const clock = new TestClock();
  beforeAll(async () => {
    keys = await startIssuer();
    const issuers = [
      { issuer: 'https://a', audience: 'realtime', jwksUrl: keys.url, tenantClaim: 'org' },
      { issuer: 'https://b', secret: OTHER, scopeClaim: 'permissions' },
    ];
    const config = readConfig({ JWT_SECRET: OLD, JWT_ISSUER: 'https://old', JWT_ISSUERS: JSON.stringify(issuers) });
    verify = createTokenVerifier(config.jwt, clock, () => undefined);
  });
  afterAll(() => keys.close());

  const exp = (): number => Math.floor(clock.now() / 1_000) + 60;
  const secretly = (secret: string, claims: object): Promise<string> =>
    new SignJWT({ sub: 'alice', exp: exp(), ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret));
  const viewerOf = async (token: Promise<string>): Promise<Viewer | null> => {
    const verification = await verify(await token);
    return verification.outcome === 'valid' ? verification.viewer : null;
  };

  it('each issuer has its own keys, audience, tenant claim and scope claim', async () => {
    const a = { iss: 'https://a', aud: 'realtime', sub: 'alice', exp: exp(), org: 'acme', tenant_id: 'not this' };
    expect(await viewerOf(keys.sign(a))).toMatchObject({ tenant: 'acme', userId: 'alice' });
    expect(await viewerOf(keys.sign({ ...a, aud: 'other' }))).toBeNull();
    const b = { iss: 'https://b', tenant_id: 'beta', permissions: ['realtime:admin'], scope: 'realtime:service' };
    expect(await viewerOf(secretly(OTHER, b))).toMatchObject({ tenant: 'beta', scopes: new Set(['realtime:admin']) });
    expect(await viewerOf(secretly(OLD, { iss: 'https://old' }))).toMatchObject({ tenant: 'default' });
  });

  it('issuers with the same key set request it once', async () => {
    const shared = await startIssuer();
    const issuers = ['https://c', 'https://d'].map((issuer) => ({ issuer, jwksUrl: shared.url }));
    const { jwt } = readConfig({ JWT_ISSUERS: JSON.stringify(issuers) });
    const either = createTokenVerifier(jwt, clock, () => undefined);
    for (const { issuer } of issuers) {
      const token = await shared.sign({ iss: issuer, sub: 'alice', exp: exp() });
      expect((await either(token)).outcome).toBe('valid');
    }
    expect(shared.requests).toBe(1);
    shared.close();
  });

  it('the key of one issuer is refused for another issuer and for sessions', async () => {
    for (const iss of ['https://a', 'https://old', 'realtime-communication', 'https://nobody', undefined]) {
      expect(await viewerOf(secretly(OTHER, { iss, aud: 'realtime', sid: 's' }))).toBeNull();
    }
    for (const iss of ['https://a', 'https://b', 'https://nobody', undefined]) {
      expect(await viewerOf(secretly(OLD, { iss, aud: 'realtime' }))).toBeNull();
    }
    for (const iss of ['https://b', 'https://old', 'realtime-communication']) {
      expect(await viewerOf(keys.sign({ iss, aud: 'realtime', sub: 'alice', exp: exp(), sid: 's' }))).toBeNull();
    }
  });

  it('a token asks for the keys of its own issuer only; one of an unknown issuer, for all', async () => {
    const [first, second] = [await startIssuer(), await startIssuer()];
    const issuers = [
      { issuer: 'https://first', jwksUrl: first.url },
      { issuer: 'https://second', jwksUrl: second.url },
    ];
    const { jwt } = readConfig({ JWT_ISSUERS: JSON.stringify(issuers) });
    const either = createTokenVerifier(jwt, clock, () => undefined);
    const outcomeOf = async (iss: string, by: Issuer): Promise<unknown> => {
      const { outcome } = await either(await by.sign({ iss, sub: 'alice', exp: exp() }));
      return [outcome, first.requests, second.requests];
    };
    expect(await outcomeOf('https://second', second)).toEqual(['valid', 0, 1]);
    expect(await outcomeOf('https://second', first)).toEqual(['invalid', 0, 1]);
    expect(await outcomeOf('https://nobody', second)).toEqual(['invalid', 1, 1]);
    for (const each of [first, second]) each.close();
  });

  it.each([
    ['JWT_SECRET', 'no issuer', OLD, undefined, 'old'],
    ['JWT_SECRET', 'any issuer', OLD, 'https://x', 'old'],
    ['JWT_SECRET', 'an issuer of the list', OLD, 'https://b', 'old'],
    ['JWT_ISSUERS', 'its own issuer', OTHER, 'https://b', 'new'],
    ['JWT_ISSUERS', 'another issuer', OTHER, 'https://x', null],
    ['JWT_ISSUERS', 'no issuer', OTHER, undefined, null],
  ])('without JWT_ISSUER, a key of %s for a token of %s', async (_, _issuer, secret, iss, tenant) => {
    const issuers = JSON.stringify([{ issuer: 'https://b', secret: OTHER, tenantClaim: 'org' }]);
    const { jwt } = readConfig({ JWT_SECRET: OLD, JWT_TENANT_CLAIM: 'team', JWT_ISSUERS: issuers });
    const token = await secretly(secret, { iss, team: 'old', org: 'new' });
    const verification = await createTokenVerifier(jwt, clock, () => undefined)(token);
    expect(verification.outcome === 'valid' ? verification.viewer.tenant : null).toBe(tenant);
  });

  it.each([
    ['a string', { scope: 'a realtime:service' }],
    ['a list', { scope: ['a', 'realtime:service'] }],
    ['a string in scp', { scp: 'a realtime:service' }],
    ['a list in scp', { scp: ['a', 'realtime:service'] }],
    ['a list with values that are not strings', { scope: ['a', 1, null, { b: 1 }, 'realtime:service'] }],
  ])('scopes are read from %s', async (_, claims) => {
    const viewer = await viewerOf(secretly(OLD, { iss: 'https://old', ...claims }));
    expect(viewer?.scopes).toEqual(new Set(['a', 'realtime:service']));
  });

  it.each([
    [{ scope: 1 }],
    [{ scope: { a: 'realtime:admin' } }],
    [{ scope: null }],
    [{ scope: '', scp: 'realtime:admin' }],
  ])('other forms of scopes grant nothing: %j', async (claims) => {
    const viewer = await viewerOf(secretly(OLD, { iss: 'https://old', ...claims }));
    expect(viewer?.scopes).toEqual(new Set());
  });

  it.each([
    [{ client_id: 'billing', azp: 'other' }, 'billing'],
    [{ azp: 'billing' }, 'billing'],
    [{ sub: 'alice', client_id: 'billing' }, 'alice'],
    [{ sub: null, client_id: 'billing' }, null],
    [{ sub: '', client_id: 'billing' }, null],
    [{ client_id: 'a b' }, null],
    [{ client_id: ['billing'] }, null],
    [{}, null],
  ])('a token without a subject belongs to its client: %j', async (claims, userId) => {
    const viewer = await viewerOf(secretly(OLD, { iss: 'https://old', sub: undefined, ...claims }));
    expect(viewer?.userId ?? null).toBe(userId);
  });

  it.each([
    ['{}'],
    ['[]'],
    ['[{"issuer": "https://a"}]'],
    [`[{"issuer": "https://a", "secret": "${OTHER}", "jwksUrl": "https://a/keys"}]`],
    [`[{"secret": "${OTHER}"}]`],
    ['[{"issuer": "https://a", "secret": "short"}]'],
    ['[{"issuer": "https://a", "jwksUrl": "ftp://a"}]'],
    [`[{"issuer": "realtime-communication", "secret": "${OTHER}"}]`],
    [`[{"issuer": "https://a", "secret": "${OTHER}", "tenant": "x"}]`],
    ['not JSON'],
  ])('an invalid value is refused at the start: %s', (value) => {
    expect(() => readConfig({ JWT_ISSUERS: value })).toThrow('JWT_ISSUERS: takes');
  });

  it('production needs no other key', () => {
    const issuers = JSON.stringify([{ issuer: 'https://b', secret: OTHER }]);
    expect(readConfig({ NODE_ENV: 'production', JWT_ISSUERS: issuers }).jwt.issuers).toHaveLength(1);
    expect(() => readConfig({ NODE_ENV: 'production' })).toThrow('JWT_ISSUERS');
  });
});

it('a token of a session has its tenant in the claim of JWT_TENANT_CLAIM, and its scopes in `scope`', async () => {
  const clock = new TestClock();
  const { jwt } = readConfig({ JWT_SECRET: OLD, JWT_TENANT_CLAIM: 'team' });
  const token = await createTokenIssuer(jwt)?.({
    tenant: 'acme',
    userId: 'alice',
    sessionId: 's1',
    deviceId: 'd1',
    scope: 'a b',
    topics: { publish: null, subscribe: null },
    issuedAt: clock.now(),
    expiresAt: clock.now() + 60_000,
  });
  const verification = await createTokenVerifier(jwt, clock, () => undefined)(token as string);
  const named = { tenant: 'acme', userId: 'alice', sessionId: 's1', scopes: new Set(['a', 'b']) };
  expect(verification).toMatchObject({ outcome: 'valid', viewer: named });
});
