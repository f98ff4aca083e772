/** The keys that verify tokens: secrets, and those of JWKS endpoints (RFC 7517). */
import { hkdfSync, subtle, type webcrypto } from 'node:crypto';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../clock.ts';
import { SESSION_ISSUER } from '../config/issuers.ts';
import { unavailable } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';

/** For each algorithm, the least bytes of a secret (RFC 7518 section 3.2) and the hash. */
const SYMMETRIC = {
  HS256: [32, 'SHA-256'],
  HS384: [48, 'SHA-384'],
  HS512: [64, 'SHA-512'],
} as const;
type Symmetric = keyof typeof SYMMETRIC;
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/** Keys and the algorithms they are valid for. */
export interface VerificationKeys {
  readonly algorithms: string[];
  readonly find: JWTVerifyGetKey;
}

/** Keys of a JWKS endpoint, fetched again when they are old or a key is unknown, at most every 30 s. */
export function keysOfEndpoint(url: URL, clock: Clock): VerificationKeys {
  const remote = createRemoteJWKSet(url);
  let waiting = 0;
  const find: JWTVerifyGetKey = async (header, token) => {
    if (waiting >= LIMITS.tokensAwaitingKeys) throw unavailable();
    waiting += 1;
    try {
      const found = remote(header, token);
      return await (remote.fresh ? found : inTime(found, clock));
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) throw error;
      const known = remote.jwks();
      if (!known) throw unavailable(error);
      // While the endpoint is unavailable its last keys stay valid, since otherwise nobody could connect.
      return createLocalJWKSet(known)(header, token);
    } finally {
      waiting -= 1;
    }
  };
  return { algorithms: ASYMMETRIC, find };
}

/** jose's own timeout uses the system's clock. */
function inTime<Value>(work: Promise<Value>, clock: Clock): Promise<Value> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(TIMES.keysMs, () => reject(new errors.JWKSTimeout()));
  });
  return Promise.race([work, late]).finally(cancel);
}

/** The key that signs the tokens of sessions (RFC 5869). It does not reveal the secret it is derived from. */
export function sessionKey(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync('sha256', secret, '', `${SESSION_ISSUER} session token`, 32));
}

/**
 * The keys of the algorithms for which the secret is long enough. Imported once, since jose would import the secret
 * again for each token.
 */
export function keysOfSecret(secret: Uint8Array<ArrayBuffer>): VerificationKeys {
  const algorithms = (Object.keys(SYMMETRIC) as Symmetric[]).filter((alg) => secret.length >= SYMMETRIC[alg][0]);
  const imported = new Map<string | undefined, Promise<webcrypto.CryptoKey>>(
    algorithms.map((alg) => [alg, importSecret(secret, SYMMETRIC[alg][1])]),
  );
  const find: JWTVerifyGetKey = async ({ alg }) => {
    const key = imported.get(alg);
    if (!key) throw new errors.JOSEAlgNotAllowed();
    return key;
  };
  return { algorithms, find };
}

function importSecret(secret: Uint8Array<ArrayBuffer>, hash: string): Promise<webcrypto.CryptoKey> {
  return subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['verify']);
}

/** Whether the error means only that another key signed the token. */
export function isOtherKey(error: unknown): boolean {
  return (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JWKSNoMatchingKey
  );
}
