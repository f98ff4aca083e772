/**
 * Invalid tokens over every transport, none of which is in the log. `faults/bad-input.test.ts` sends them to a
 * process.
 */
import { createTokenVerifier } from '../../src/access/tokens.ts';
import { readConfig } from '../../src/config.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Viewer } from '../../src/model.ts';
import { type Service, startService } from '../../src/service.ts';
import { outcomesOfToken, REFUSED, TAKEN } from '../faults/inputs/tokens.ts';
import { captureLog } from '../support/log.ts';
import { type Data, SECRET, startTestService } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { TestClock } from '../support/test-clock.ts';
import { claims, FORGED, good, HS256, jws, now, STRANGE } from './forged-tokens.ts';
import { AUDIENCE, ISSUER, type Issuer, startIssuer } from './issuer.ts';

/** What would be another line, another colour or another order to whoever reads a log as it is. */
const HOSTILE = [
  'a\n{"level":60,"msg":"forged"}',
  '\u001b[31mred\u001b[0m',
  'a\u2028b\u2029c',
  '\u202egnol',
  'x'.repeat(10_000),
];

describe('tokens that are not valid', () => {
  let service: Service;
  let issuer: Issuer;
  const { log, lines, text } = captureLog('trace');
  let url: string;
  let sockets: { url: string; wsUrl: string; rawUrl: string };
  const used: string[] = [];
  beforeAll(async () => {
    issuer = await startIssuer();
    const config = readConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: ':memory:',
      JWT_SECRET: SECRET,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_JWKS_URL: issuer.url,
      DRAIN_WINDOW: '0ms',
      RATE_LIMIT_ENABLED: 'false',
    });
    service = await startService(config, log, { clock: new TestClock() });
    url = `http://127.0.0.1:${service.port}`;
    const ws = url.replace('http', 'ws');
    sockets = { url, wsUrl: `${ws}/graphql`, rawUrl: `${ws}/ws` };
  });
  afterAll(async () => {
    await service.close();
    issuer.close();
  });

  async function post(token: string, query: string, variables: object = {}): Promise<string> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ query, variables });
    return (await fetch(`${url}/graphql`, { method: 'POST', headers, body })).text();
  }

  it('every forged token is refused over every transport', async () => {
    for (const [title, make] of FORGED) {
      const token = await make(issuer);
      used.push(token);
      expect([title, await outcomesOfToken(sockets, token)]).toEqual([title, REFUSED]);
    }
  });

  it('valid tokens of an unusual form give the user and the default tenant, and no admin rights', async () => {
    for (const [title, make] of [['a good one', good] as const, ...STRANGE]) {
      const token = await make(issuer);
      used.push(token);
      expect([title, await outcomesOfToken(sockets, token)]).toEqual([title, TAKEN]);
      const answer = JSON.parse(await post(token, '{ viewer { id } routingRules { id } }'));
      expect([title, answer.errors[0].extensions.code]).toEqual([title, 'FORBIDDEN']);
    }
  });

  it('J104: an expired token is valid for 28 s, and refused after 31 s: the clock skew is 30 s', async () => {
    const ends = (ago: number): Promise<unknown> => outcomesOfToken(sockets, jws(HS256, claims({ exp: now() - ago })));
    expect(await ends(28)).toEqual(TAKEN);
    expect(await ends(31)).toMatchObject({ HTTP: [401], 'graphql-ws': [4403, 4403], '/ws': [4403, 4403] });
  });

  it('L121: hostile text in any input stays within one JSON line of the log, without a token or secret', async () => {
    const token = good();
    used.push(token);
    for (const text of HOSTILE) {
      const named = jws(HS256, claims({ sub: text }));
      await post(named, '{ viewer { id } }');
      // Some of them may be the id of a user, who is let in.
      const socket = await openSocket(`${url.replace('http', 'ws')}/ws?token=${named}`, []);
      await Promise.race([socket.closed, socket.frame(0)]);
      socket.socket.terminate();
      await post(token, 'mutation ($t: String) { setPresence(status: BUSY, statusText: $t) { status } }', { t: text });
      await post(token, 'mutation ($d: ID!) { createSession(input: {deviceId: $d}) { accessToken } }', { d: text });
      await post(token, `# ${text}\nquery { nonsense }`, { [text]: 1 });
      const path = `/ws?token=${token}&device_id=${encodeURIComponent(text)}`;
      await (await openSocket(`${url.replace('http', 'ws')}${path}`, [])).closed;
      await fetch(`${url}/${encodeURIComponent(text)}`);
    }
    const all = lines();
    expect(all.length).toBeGreaterThan(0);
    expect(all.every(({ level }) => typeof level === 'number')).toBe(true);
    expect(all.filter(({ level }) => level >= 50)).toEqual([]);
    const written = text();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    expect(written).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u2028\u2029\u202e]|forged/);
    for (const secret of [SECRET, ...used.filter((each) => each.length > 20)]) expect(written).not.toContain(secret);
  });
});

describe('tokens signed with a secret', () => {
  const clock = new TestClock();
  const verifier = (secrets: string[], reasons: string[] = []) =>
    createTokenVerifier(
      { secrets, jwksUrl: null, issuer: ISSUER, audience: AUDIENCE, tenantClaim: 'tenant_id', issuers: [] },
      clock,
      (reason) => reasons.push(reason),
    );
  const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

  it.each([
    [32, ['HS256']],
    [47, ['HS256']],
    [48, ['HS256', 'HS384']],
    [63, ['HS256', 'HS384']],
    [64, ['HS256', 'HS384', 'HS512']],
  ])('a secret of %i bytes verifies only %j', async (bytes, algorithms) => {
    const secret = 'x'.repeat(bytes);
    const verify = verifier(['another-secret-that-is-long-enough', secret]);
    const taken = [];
    for (const [alg, hash] of Object.entries(HASHES)) {
      const { outcome } = await verify(jws({ alg }, claims(), { secret, hash }));
      if (outcome === 'valid') taken.push(alg);
    }
    expect(taken).toEqual(algorithms);
  });

  it.each(['exp', 'iat', 'nbf'])('a fractional %s is valid', async (claim) => {
    const at = now() + (claim === 'exp' ? 3_600 : -10) + 0.123_456;
    const verification = await verifier([SECRET])(jws(HS256, claims({ [claim]: at })));
    expect(verification.outcome).toBe('valid');
    const { expiresAt, issuedAt } = (verification as { viewer: Viewer }).viewer;
    if (claim === 'exp') expect(expiresAt).toBe(Math.floor(at * 1_000));
    if (claim === 'iat') expect(issuedAt).toBe(Math.floor(at * 1_000));
  });

  it.each([
    ['expired', claims({ exp: now() - 60 }), {}, 'expired'],
    ['another secret', claims(), { secret: 'x'.repeat(40) }, 'signature'],
    ['an algorithm that needs a longer secret', claims(), { alg: 'HS512', hash: 'sha512' }, '64'],
    ['another issuer', claims({ iss: 'https://other-secret-name' }), {}, 'iss (JWT_ISSUER) is not valid'],
    ['another audience', claims({ aud: 'other-secret-name' }), {}, 'aud (JWT_AUDIENCE) is not valid'],
    ['no subject', claims({ sub: undefined }), {}, 'sub is missing'],
    ['a subject that is not a string', claims({ sub: 7 }), {}, 'claim'],
    ['an unreadable payload', 'no claims', {}, 'read'],
    ['an unknown critical header', claims(), { crit: ['other-secret-name'], 'other-secret-name': 1 }, 'read'],
  ])('the reason names why a token is refused: %s', async (_, payload, { secret, hash, ...header }: Data, word) => {
    const reasons: string[] = [];
    const token = jws({ ...HS256, ...header }, payload, { secret, hash });
    // The reason is that of the key which made the signature, whichever keys are tried after it.
    await verifier(['a'.repeat(32), SECRET, 'b'.repeat(32)], reasons)(token);
    expect(reasons).toEqual([expect.stringContaining(word)]);
    expect(reasons[0]).not.toContain('other-secret-name');
  });

  it('a token has a largest size', async () => {
    const reasons: string[] = [];
    // Not every length of base64url exists: a longer header gives the others.
    const sized = (bytes: number): string | undefined =>
      ['', 'k', 'kk', 'kkk']
        .flatMap((kid) => {
          const of = (count: number): string => jws({ ...HS256, kid }, claims({ more: 'x'.repeat(count) }));
          const most = Math.floor(((bytes - of(0).length) * 3) / 4);
          return [of(most), of(most + 1)];
        })
        .find(({ length }) => length === bytes);
    const verify = verifier([SECRET], reasons);
    expect((await verify(sized(LIMITS.tokenBytes) as string)).outcome).toBe('valid');
    expect(reasons).toEqual([]);
    expect((await verify(sized(LIMITS.tokenBytes + 1) as string)).outcome).toBe('invalid');
    expect(reasons).toEqual([`it is over ${LIMITS.tokenBytes} bytes`]);
  });

  it('there is no reason for a token that is valid', async () => {
    const reasons: string[] = [];
    expect((await verifier([SECRET], reasons)(jws(HS256, claims()))).outcome).toBe('valid');
    expect(reasons).toEqual([]);
  });

  it('refused tokens are logged once a minute', async () => {
    const { log, lines } = captureLog('warn');
    const service = await startTestService({ log });
    for (let n = 0; n < 5; n += 1) await service.query('a b', '{ viewer { id } }');
    await service.close();
    expect(lines()).toMatchObject([{ msg: 'token refused', refused: 1 }]);
  });
});
