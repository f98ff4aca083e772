/** Tokens signed with keys of a real JWKS endpoint. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { createTokenVerifier, type VerifyToken } from '../../src/access/tokens.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { TestClock } from '../support/test-clock.ts';

/** Everything but the date. */
const TIMERS = ['setTimeout', 'setInterval', 'setImmediate', 'nextTick', 'queueMicrotask', 'performance'] as const;

interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

async function makeKey(alg: string, kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' } };
}

describe('JWKS', () => {
  const published: JWK[] = [];
  let requests = 0;
  let isAway = false;
  let server: Server;
  let url: string;
  beforeEach(async () => {
    published.length = 0;
    requests = 0;
    isAway = false;
    server = createServer((_request, response) => {
      requests += 1;
      if (isAway) return void response.writeHead(503).end();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ keys: published }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  const verifier = (clock = new TestClock(), secrets: string[] = []): VerifyToken =>
    createTokenVerifier(
      { secrets, jwksUrl: url, issuer: 'https://id', audience: 'realtime', tenantClaim: 'org', issuers: [] },
      clock,
      () => undefined,
    );
  const sign = ({ alg, kid, privateKey }: SigningKey, claims: object = {}): Promise<string> =>
    new SignJWT({ org: 'acme', scope: 'realtime:admin', ...claims })
      .setProtectedHeader({ alg, kid })
      .setSubject('alice')
      .setIssuer('https://id')
      .setAudience('realtime')
      .setExpirationTime('1h')
      .sign(privateKey);

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('accepts %s', async (alg) => {
    const key = await makeKey(alg, 'one');
    published.push(key.jwk);
    expect(await verifier()(await sign(key))).toMatchObject({
      outcome: 'valid',
      viewer: { tenant: 'acme', userId: 'alice', scopes: new Set(['realtime:admin']) },
    });
  });

  it('refuses other algorithms, issuers, audiences, and keys that are not published', async () => {
    const [key, other, wide] = [
      await makeKey('ES256', 'one'),
      await makeKey('ES256', 'one'),
      await makeKey('ES384', 'w'),
    ];
    published.push(key.jwk, wide.jwk);
    const verify = verifier();
    for (const token of [
      await sign(other),
      await sign(wide),
      await sign(key, { iss: 'https://elsewhere' }).then((token) => `${token}x`),
      await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setSubject('alice').sign(key.privateKey),
      await new SignJWT({ iss: 'https://elsewhere', aud: 'realtime' })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setSubject('alice')
        .setExpirationTime('1h')
        .sign(key.privateKey),
      // The published key's text as the secret of an HMAC.
      await new SignJWT({ iss: 'https://id', aud: 'realtime' })
        .setProtectedHeader({ alg: 'HS256', kid: 'one' })
        .setSubject('alice')
        .setExpirationTime('1h')
        .sign(Buffer.from(JSON.stringify(key.jwk))),
    ]) {
      expect(await verify(token)).toEqual({ outcome: 'invalid' });
    }
  });

  it('J108: one request fetches the keys for many tokens, and 50 unknown keys cause at most one more', async () => {
    const key = await makeKey('ES256', 'one');
    published.push(key.jwk);
    const verify = verifier();
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => sign(key, { n })));
    for (const token of tokens) expect((await verify(token)).outcome).toBe('valid');
    expect(requests).toBe(1);
    for (let n = 0; n < 50; n += 1) {
      const stranger = { ...(await makeKey('ES256', `unknown-${n}`)) };
      expect((await verify(await sign(stranger))).outcome).toBe('invalid');
    }
    expect(requests).toBeLessThanOrEqual(2);
  });

  it('known keys and secrets still verify tokens while the endpoint is unavailable', async () => {
    const key = await makeKey('EdDSA', 'one');
    published.push(key.jwk);
    const secret = 'a-secret-of-the-tests-that-is-long-enough';
    const clock = new TestClock();
    const verify = verifier(clock, [secret]);
    expect((await verify(await sign(key))).outcome).toBe('valid');
    isAway = true;
    // Long enough for the keys to be asked for again, and in vain.
    jest.useFakeTimers({ now: Date.now() + 20 * 60_000, doNotFake: [...TIMERS] });
    expect((await verify(await sign(key, { again: true }))).outcome).toBe('valid');
    expect(requests).toBe(2);
    jest.useRealTimers();
    const hmac = await new SignJWT({ iss: 'https://id', aud: 'realtime' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('bob')
      .setExpirationTime('1h')
      .sign(Buffer.from(secret));
    expect(await verify(hmac)).toMatchObject({ outcome: 'valid', viewer: { userId: 'bob', tenant: 'default' } });
  });

  it('while no keys could be loaded a token is not refused but answered SERVICE_UNAVAILABLE, unless another key made it', async () => {
    const key = await makeKey('EdDSA', 'one');
    published.push(key.jwk);
    const secret = 'a-secret-of-the-tests-that-is-long-enough';
    const clock = new TestClock();
    const issuers = [
      { issuer: 'https://id', audience: null, secrets: [secret], jwksUrl: null, tenantClaim: 'org', scopeClaim: null },
    ];
    const single = { secrets: [], jwksUrl: url, issuer: 'https://id', audience: null, tenantClaim: 'org' };
    const verify = createTokenVerifier({ ...single, issuers }, clock, () => undefined);
    const token = await sign(key);
    isAway = true;
    await expect(verify(token)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    const hmac = (by: string) =>
      new SignJWT({ iss: 'https://id' })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('bob')
        .setExpirationTime('1h')
        .sign(Buffer.from(by));
    expect(await verify(await hmac(secret))).toMatchObject({ outcome: 'valid' });
    expect(await verify(await hmac(secret.toUpperCase()))).toEqual({ outcome: 'invalid' });
    isAway = false;
    expect(await verify(token)).toMatchObject({ outcome: 'valid' });
  });

  it('G10: past the cap of tokens that wait for keys, the next is answered SERVICE_UNAVAILABLE', async () => {
    const key = await makeKey('ES256', 'one');
    published.push(key.jwk);
    const [verify, token] = [verifier(), await sign(key)];
    // Each is another text, and so another token.
    const waiting = Array.from({ length: LIMITS.tokensAwaitingKeys }, (_, n) => verify(`${token}${n}`));
    await expect(verify(token)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    // Without keys in time, on a slow machine, they are not refused.
    for (const each of await Promise.allSettled(waiting))
      expect(each.status === 'fulfilled' ? each.value.outcome : each.reason.code).toMatch(
        /invalid|SERVICE_UNAVAILABLE/,
      );
    expect(await verify(token)).toMatchObject({ outcome: 'valid' });
    expect(requests).toBeLessThanOrEqual(2);
  });

  it('a verified token is cached until its key may have been withdrawn', async () => {
    const clock = new TestClock();
    const verify = verifier(clock);
    const key = await makeKey('ES256', 'one');
    published.push(key.jwk);
    const token = await sign(key);
    expect((await verify(token)).outcome).toBe('valid');
    const earlier = await verify(token);
    expect(await verify(token)).toBe(earlier);
    clock.advance(TIMES.verifiedTokenMs + 1);
    expect(await verify(token)).not.toBe(earlier);
  });
});
