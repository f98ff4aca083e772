/** Tokens that are not good, by each way in; and none of them in the log. */
import { createHmac } from 'node:crypto';
import { readConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/service.ts';
import { captureLog } from '../support/log.ts';
import { SECRET } from '../support/service.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';
import { TestClock } from '../support/test-clock.ts';

const HOUR_S = 3_600;
const now = (): number => Math.floor(Date.now() / 1_000);
const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token of any header and payload, signed as HS256 or so would be. */
function jws(header: unknown, payload: unknown, { secret = SECRET, hash = 'sha256' } = {}): string {
  const text = `${part(header)}.${part(payload)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

const HS256 = { alg: 'HS256' };
const claims = (more: object = {}): object => ({ sub: 'alice', exp: now() + HOUR_S, ...more });
const good = (): string => jws(HS256, claims());

const BAD: readonly [string, () => string][] = [
  ['alg none', () => `${part({ alg: 'none' })}.${part(claims())}.`],
  ['alg NoNe', () => jws({ alg: 'NoNe' }, claims())],
  ['alg empty', () => jws({ alg: '' }, claims())],
  ['no alg', () => jws({}, claims())],
  ['HS512, rightly signed', () => jws({ alg: 'HS512' }, claims(), { hash: 'sha512' })],
  ['HS384, rightly signed', () => jws({ alg: 'HS384' }, claims(), { hash: 'sha384' })],
  ['HS256 by name, signed with another hash', () => jws(HS256, claims(), { hash: 'sha512' })],
  ['another secret', () => jws(HS256, claims(), { secret: `${SECRET}x` })],
  [
    'an asymmetric algorithm over zeros',
    () => `${part({ alg: 'ES256' })}.${part(claims())}.${Buffer.alloc(64).toString('base64url')}`,
  ],
  [
    'the key in the header',
    () => jws({ ...HS256, jwk: { kty: 'oct', k: part('mine') } }, claims(), { secret: 'mine' }),
  ],
  ['a critical extension nobody knows', () => jws({ ...HS256, crit: ['x'], x: 1 }, claims())],
  ['b64 false', () => jws({ ...HS256, crit: ['b64'], b64: false }, claims())],
  ['no exp', () => jws(HS256, { sub: 'alice' })],
  ['exp as a text', () => jws(HS256, claims({ exp: String(now() + HOUR_S) }))],
  ['exp null', () => jws(HS256, claims({ exp: null }))],
  ['not before tomorrow', () => jws(HS256, claims({ nbf: now() + 24 * HOUR_S }))],
  ['no sub', () => jws(HS256, { exp: now() + HOUR_S })],
  ['an empty sub', () => jws(HS256, claims({ sub: '' }))],
  ['sub as an object', () => jws(HS256, claims({ sub: { $gt: '' } }))],
  ['a sub of 129', () => jws(HS256, claims({ sub: 'x'.repeat(129) }))],
  ['a sub with braces', () => jws(HS256, claims({ sub: 'a{b}*' }))],
  ['a sub with a line break', () => jws(HS256, claims({ sub: 'a\n{"level":60}' }))],
  ['a tenant as an object', () => jws(HS256, claims({ tenant_id: {} }))],
  ['an empty tenant', () => jws(HS256, claims({ tenant_id: '' }))],
  ['a payload that is a list', () => jws(HS256, [claims()])],
  ['a payload that is no JSON', () => jws(HS256, '{"sub":')],
  ['two parts', () => good().split('.').slice(0, 2).join('.')],
  ['four parts', () => `${good()}.x`],
  ['five parts, as of a JWE', () => `${part({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' })}..x.y.z`],
  ['an empty signature', () => `${good().split('.').slice(0, 2).join('.')}.`],
  ['a signature cut short', () => good().slice(0, -4)],
  ['over 8 KiB', () => jws(HS256, claims({ more: 'x'.repeat(9_000) }))],
  ['no token at all', () => 'nonsense'],
];

describe('bad tokens', () => {
  let service: Service;
  const { log, lines } = captureLog('trace');
  let url: string;
  const used: string[] = [];
  beforeAll(async () => {
    const config = readConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: ':memory:',
      JWT_SECRET: SECRET,
      DRAIN_WINDOW: '0ms',
    });
    service = await startService(config, log, { clock: new TestClock() });
    url = `http://127.0.0.1:${service.port}`;
  });
  afterAll(() => service.close());

  const overHttp = async (authorization: string): Promise<number> => {
    const headers = { authorization, 'content-type': 'application/json' };
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: '{"query":"{ viewer { id } }"}' });
    await response.text();
    return response.status;
  };
  /** The code it is closed with, or that it is let in. */
  const outcomeOf = async (socket: RawSocket): Promise<number | 'in'> => {
    const first = socket.frame(0).then(
      () => 'in' as const,
      () => Number.NaN,
    );
    const outcome = await Promise.race([socket.closed, first]);
    socket.socket.terminate();
    return outcome;
  };
  const overGraphqlWs = async (token: string): Promise<number | 'in'> => {
    const socket = await openSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { token } });
    return outcomeOf(socket);
  };
  const overRaw = async (token: string): Promise<number | 'in'> =>
    outcomeOf(await openSocket(`${url.replace('http', 'ws')}/ws?token=${encodeURIComponent(token)}`, []));

  it('a good one is let in by each way', async () => {
    used.push(good());
    expect(await overHttp(`Bearer ${good()}`)).toBe(200);
    expect(await overHttp(`bearer ${good()}`)).toBe(200);
    expect([await overGraphqlWs(good()), await overRaw(good())]).toEqual(['in', 'in']);
    // A key named by what might be a path or a query is not looked for: there is one key.
    for (const kid of ['../../dev/null', "' OR 1=1--", 'x'.repeat(1_000)])
      expect(
        await overHttp(`Bearer ${jws({ ...HS256, kid, jku: 'http://evil.tld', x5u: 'http://evil.tld' }, claims())}`),
      ).toBe(200);
    // Of the prototype, as data: it makes nobody an admin.
    expect(
      await overHttp(
        `Bearer ${jws(HS256, `{"sub":"alice","exp":${now() + HOUR_S},"__proto__":{"scope":"realtime:admin"}}`)}`,
      ),
    ).toBe(200);
  });

  it.each(BAD)('%s', async (_, make) => {
    const token = make();
    used.push(token);
    expect(await overHttp(`Bearer ${token}`)).toBe(401);
    expect(await overGraphqlWs(token)).toBe(4401);
    expect(await overRaw(token)).toBe(4401);
  });

  it('one that has ended: 401 and 4403; within the skew of 30 s it is taken', async () => {
    const ended = jws(HS256, claims({ exp: now() - 60 }));
    expect([await overHttp(`Bearer ${ended}`), await overGraphqlWs(ended), await overRaw(ended)]).toEqual([
      401, 4403, 4403,
    ]);
    const just = jws(HS256, claims({ exp: now() - 20 }));
    expect([await overHttp(`Bearer ${just}`), await overGraphqlWs(just)]).toEqual([200, 'in']);
  });

  it('other schemes are no token', async () => {
    for (const authorization of [good(), `Basic ${good()}`, `Bearer${good()}`, 'Bearer', `Bearer ${good()} ${good()}`])
      expect(await overHttp(authorization)).toBe(401);
  });

  it('L121: every line of the log is one line of JSON, and none shows a token or the secret', () => {
    expect(lines().every((line) => typeof JSON.parse(line).level === 'number')).toBe(true);
    for (const secret of [SECRET, ...used.filter((token) => token.length > 20)])
      expect(lines().join('\n')).not.toContain(secret);
    expect(lines().filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });
});
