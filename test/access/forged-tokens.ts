/** Forged tokens (J101 to J116), and valid ones of an unusual form, for a service that knows `Issuer` and `SECRET`. */
import { createHmac } from 'node:crypto';
import { SECRET } from '../support/service.ts';
import { AUDIENCE, ISSUER, type Issuer } from './issuer.ts';

const HOUR_S = 3_600;
export const now = (): number => Math.floor(Date.now() / 1_000);
const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString(
    'base64url',
  );

/** A token of any header and payload, signed as HS256 or so would be. */
export function jws(header: unknown, payload: unknown, { secret = SECRET, hash = 'sha256' } = {}): string {
  const text = `${part(header)}.${part(payload)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

export const HS256 = { alg: 'HS256' };
export const claims = (more: object = {}): object => ({
  sub: 'alice',
  iss: ISSUER,
  aud: AUDIENCE,
  exp: now() + HOUR_S,
  ...more,
});
export const good = (): string => jws(HS256, claims());
const without = (name: string): object =>
  Object.fromEntries(Object.entries(claims()).filter(([each]) => each !== name));
const signed = (payload: unknown) => (): string => jws(HS256, payload);
const withSignature = (token: string, signature: Buffer): string =>
  `${token.slice(0, token.lastIndexOf('.'))}.${signature.toString('base64url')}`;
const signatureOf = (token: string): Buffer => Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url');

type Make = (issuer: Issuer) => string | Promise<string>;

export const FORGED: readonly (readonly [title: string, make: Make])[] = [
  ['J101: alg none', () => `${part({ alg: 'none' })}.${part(claims())}.`],
  ['J101: alg NoNe', () => jws({ alg: 'NoNe' }, claims())],
  ['J101: alg empty', () => jws({ alg: '' }, claims())],
  ['J101: no alg', () => jws({}, claims())],
  ['J102: a public key of ours as PEM for the secret', ({ pem }) => jws(HS256, claims(), { secret: pem })],
  [
    'J102: a public key of ours as JWK for the secret',
    ({ jwk }) => jws({ ...HS256, kid: 'RS256' }, claims(), { secret: jwk }),
  ],
  ['J103: HS512, rightly signed', () => jws({ alg: 'HS512' }, claims(), { hash: 'sha512' })],
  ['J103: HS384, rightly signed', () => jws({ alg: 'HS384' }, claims(), { hash: 'sha384' })],
  ['J103: HS256 by name, signed with another hash', () => jws(HS256, claims(), { hash: 'sha512' })],
  ['J103: another secret', () => jws(HS256, claims(), { secret: `${SECRET}x` })],
  ['J104: no exp', signed(without('exp'))],
  ['J104: exp as a text', () => jws(HS256, claims({ exp: String(now() + HOUR_S) }))],
  ['J104: exp null', signed(claims({ exp: null }))],
  ['J104: exp 1e300', () => jws(HS256, JSON.stringify(claims({ exp: 1 })).replace('"exp":1', '"exp":1e300'))],
  ['J105: not before tomorrow', () => jws(HS256, claims({ nbf: now() + 24 * HOUR_S }))],
  ['J105: issued tomorrow', () => jws(HS256, claims({ iat: now() + 24 * HOUR_S }))],
  ['J106: another audience', signed(claims({ aud: 'other' }))],
  ['J106: a list of others', signed(claims({ aud: ['other', 'REALTIME'] }))],
  ['J106: an object for the audience', signed(claims({ aud: { $in: [AUDIENCE] } }))],
  ['J106: no audience', signed(without('aud'))],
  ['J106: the issuer in other letters', signed(claims({ iss: ISSUER.toUpperCase() }))],
  ['J106: no issuer', signed(without('iss'))],
  [
    'J107: an ID token, which is for a client',
    ({ sign }) => sign(claims({ aud: 'client-1', nonce: 'x', at_hash: 'x' })),
  ],
  ['J108: a key nobody knows', ({ sign }) => sign(claims(), { kid: 'unknown' })],
  ['J108: a known name on another key', ({ sign }) => sign(claims(), {}, false)],
  ['J108: a kid of 10 KB', ({ sign }) => sign(claims(), { kid: 'x'.repeat(10_000) })],
  [
    'J109: the key in the header',
    () => jws({ ...HS256, jwk: { kty: 'oct', k: part('mine') } }, claims(), { secret: 'mine' }),
  ],
  ['J110: a critical extension nobody knows', () => jws({ ...HS256, crit: ['x'], x: 1 }, claims())],
  ['J110: b64 false', () => jws({ ...HS256, crit: ['b64'], b64: false }, claims())],
  ['J111: two parts', () => good().split('.').slice(0, 2).join('.')],
  ['J111: four parts', () => `${good()}.x`],
  ['J111: a space within', () => good().replace('.', '. ')],
  ['J111: an empty signature', () => `${good().split('.').slice(0, 2).join('.')}.`],
  ['J111: a signature cut short', () => good().slice(0, -4)],
  ['J111: a payload that is no UTF-8', signed(Buffer.from([0x7b, 0xff, 0xfe]))],
  ['J111: over 8 KiB', signed(claims({ more: 'x'.repeat(9_000) }))],
  ['J111: no token at all', () => 'nonsense'],
  ['J112: a payload that is a list', () => jws(HS256, [claims()])],
  ['J112: a payload that is no JSON', signed('{"sub":')],
  [
    'J112: sub of the prototype',
    () => jws(HS256, `{"__proto__":{"sub":"alice"},"exp":${now() + HOUR_S},"iss":"${ISSUER}","aud":"${AUDIENCE}"}`),
  ],
  ['J113: no sub', signed(without('sub'))],
  ['J113: an empty sub', signed(claims({ sub: '' }))],
  ['J113: sub as an object', signed(claims({ sub: { $gt: '' } }))],
  ['J113: a sub of 129', signed(claims({ sub: 'x'.repeat(129) }))],
  ['J113: a sub with a space', signed(claims({ sub: 'a b' }))],
  ['J113, L121: a sub with a line of a log', signed(claims({ sub: 'a\n{"level":60}' }))],
  ['J114: a tenant as an object', signed(claims({ tenant_id: {} }))],
  ['J114: null for a tenant', signed(claims({ tenant_id: null }))],
  ['J114: an empty tenant', signed(claims({ tenant_id: '' }))],
  ['J114: a tenant with braces', signed(claims({ tenant_id: '{a}*' }))],
  ['J115: a JWE', () => `${part({ alg: 'dir', enc: 'A256GCM' })}..x.y.z`],
  ['J115: a JWE that unpacks', () => `${part({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' })}..${'x'.repeat(4_000)}.y.z`],
  ['J116: ES256 signed with zeros', async ({ sign }) => withSignature(await sign(claims()), Buffer.alloc(64))],
  [
    'J116: ES256, too short',
    async ({ sign }) => {
      const token = await sign(claims());
      return withSignature(token, signatureOf(token).subarray(0, 63));
    },
  ],
  [
    'J116: ES256 as DER',
    async ({ sign }) => {
      const token = await sign(claims());
      const bytes = signatureOf(token);
      return withSignature(
        token,
        Buffer.concat([
          Buffer.from([0x30, 68, 2, 32]),
          bytes.subarray(0, 32),
          Buffer.from([2, 32]),
          bytes.subarray(32),
        ]),
      );
    },
  ],
];

/** The order of P-256: s and its complement are both signatures of the same. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Strange, and good all the same: each is alice's, and says no more than it says. */
export const STRANGE: readonly (readonly [title: string, make: Make])[] = [
  ['J104: one that ended within the skew of 30 s', () => jws(HS256, claims({ exp: now() - 20 }))],
  ['J105: issued within the skew of 30 s', () => jws(HS256, claims({ iat: now() + 20 }))],
  ['J105: not before, within the skew', () => jws(HS256, claims({ nbf: now() + 20 }))],
  ['J106: several audiences, and ours', signed(claims({ aud: ['other', AUDIENCE] }))],
  ['J107: typ at+jwt', () => jws({ ...HS256, typ: 'at+jwt' }, claims())],
  ['J108: a kid that is a path', () => jws({ ...HS256, kid: '../../dev/null' }, claims())],
  ['J108: a kid that is SQL', () => jws({ ...HS256, kid: "' OR 1=1--" }, claims())],
  ['J111: padding behind the signature, which adds nothing', () => `${good()}=`],
  [
    'J112: a claim said twice: the last',
    () => jws(HS256, JSON.stringify(claims()).replace('"sub"', '"sub":"bob","sub"')),
  ],
  [
    'J112: scope of the prototype',
    () => jws(HS256, JSON.stringify(claims()).replace('{', '{"__proto__":{"scope":"realtime:admin"},')),
  ],
  ['J114: no tenant: the default one', signed(claims())],
  [
    'J116: ES256 with the other s',
    async ({ sign }) => {
      const token = await sign(claims());
      const bytes = signatureOf(token);
      const s = ORDER - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
      return withSignature(
        token,
        Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]),
      );
    },
  ],
];
