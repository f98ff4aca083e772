/** JSON Web Tokens (RFC 7519) to viewers, and back. The only file that knows jose. */
import { createHash, createSecretKey, subtle, type webcrypto } from 'node:crypto';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { JwtConfig } from '../config.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { isIdentifier, type TenantId, type TopicClaims, type UserId, type Viewer } from '../model.ts';

export type Verification =
  | { readonly outcome: 'valid'; readonly viewer: Viewer }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'invalid' };

interface Verified {
  readonly verification: Verification;
  /** Of the token, in milliseconds since the Unix epoch. */
  readonly expiry: number;
  /** By `Clock.elapsed`: its key is asked for again then. */
  readonly until: number;
}

/** Never throws; what is wrong with a token is told to nobody. */
export type VerifyToken = (token: string) => Promise<Verification>;

const SYMMETRIC = ['HS256'];
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const DEFAULT_TENANT = 'default';
const INVALID: Verification = { outcome: 'invalid' };

export function createTokenVerifier(config: JwtConfig, clock: Clock): VerifyToken {
  // Imported once: jose would import a secret anew for each token.
  const secrets = Promise.all(config.secrets.map(importSecret));
  /** By digest, so that no token is kept. Trusted for a while only: a key may be withdrawn. */
  const verified = new LRUCache<string, Verified>({ max: LIMITS.verifiedTokens });
  const remote = config.jwksUrl ? createRemoteKeys(new URL(config.jwksUrl)) : null;
  const options = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    requiredClaims: ['sub', 'exp'],
    clockTolerance: TIMES.clockToleranceMs / 1_000,
    currentDate: new Date(clock.now()),
    ...(config.issuer ? { issuer: config.issuer } : {}),
    ...(config.audience ? { audience: config.audience } : {}),
  });

  async function verifyWith(token: string, key: webcrypto.CryptoKey | JWTVerifyGetKey): Promise<Verification> {
    try {
      const { payload } =
        typeof key === 'function'
          ? await jwtVerify(token, key, options(ASYMMETRIC))
          : await jwtVerify(token, key, options(SYMMETRIC));
      return toViewer(payload, config.tenantClaim);
    } catch (error) {
      return error instanceof errors.JWTExpired ? { outcome: 'expired' } : INVALID;
    }
  }

  async function verify(token: string): Promise<Verification> {
    let verification = INVALID;
    for (const key of [...(await secrets), ...(remote ? [remote] : [])]) {
      verification = await verifyWith(token, key);
      if (verification.outcome !== 'invalid') return verification;
    }
    return verification;
  }

  return async (token) => {
    if (Buffer.byteLength(token) > LIMITS.tokenBytes) return INVALID;
    const digest = createHash('sha256').update(token).digest('base64');
    const earlier = verified.get(digest);
    if (earlier && clock.now() < earlier.expiry && clock.elapsed() < earlier.until) return earlier.verification;
    const verification = await verify(token);
    if (verification.outcome === 'valid') {
      const expiry = verification.viewer.expiresAt + TIMES.clockToleranceMs;
      verified.set(digest, { verification, expiry, until: clock.elapsed() + TIMES.verifiedTokenMs });
    }
    return verification;
  };
}

/** Keys of a JWKS endpoint, asked for again when they are old or one is unknown, at most every 30 s. */
function createRemoteKeys(url: URL): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url);
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      const known = remote.jwks();
      // The endpoint is away: what it said last is better than letting nobody in.
      if (error instanceof errors.JWKSNoMatchingKey || !known) throw error;
      return createLocalJWKSet(known)(header, token);
    }
  };
}

function importSecret(secret: string): Promise<webcrypto.CryptoKey> {
  return subtle.importKey('raw', Buffer.from(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

function toViewer(payload: JWTPayload, tenantClaim: string): Verification {
  const { sub, exp, scope, sid } = payload;
  const tenant = payload[tenantClaim] ?? DEFAULT_TENANT;
  if (typeof sub !== 'string' || !isIdentifier(sub)) return INVALID;
  if (typeof tenant !== 'string' || !isIdentifier(tenant)) return INVALID;
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp * 1_000)) return INVALID;
  return {
    outcome: 'valid',
    viewer: {
      tenant: tenant as TenantId,
      userId: sub as UserId,
      scopes: new Set(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []),
      sessionId: typeof sid === 'string' && isIdentifier(sid) ? sid : null,
      topics: { publish: patternsOf(payload['topics_publish']), subscribe: patternsOf(payload['topics_subscribe']) },
      expiresAt: exp * 1_000,
    },
  };
}

/** A list of texts, or one text with spaces. Anything else names nothing: a claim that is not understood opens nothing. */
function patternsOf(claim: unknown): readonly string[] | null {
  if (claim === undefined) return null;
  if (typeof claim === 'string') return claim.split(' ').filter(Boolean);
  return Array.isArray(claim) ? claim.filter((pattern) => typeof pattern === 'string') : [];
}

export interface TokenRequest {
  readonly secret: string;
  readonly userId: string;
  readonly tenant?: string | undefined;
  readonly tenantClaim?: string | undefined;
  readonly scope?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly topics?: TopicClaims | undefined;
  /** Seconds since the Unix epoch; now when left out. */
  readonly issuedAt?: number | undefined;
  readonly issuer?: string | null | undefined;
  readonly audience?: string | null | undefined;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** Signs a token with HS256, for development and tests; the platform's own issuer signs the real ones. */
export function signToken(request: TokenRequest): Promise<string> {
  const { secret, userId, tenant, tenantClaim = 'tenant_id', scope, sessionId, issuer, audience, expiresAt } = request;
  const { publish, subscribe } = request.topics ?? { publish: null, subscribe: null };
  const claims = {
    ...(tenant ? { [tenantClaim]: tenant } : {}),
    ...(scope ? { scope } : {}),
    ...(sessionId ? { sid: sessionId } : {}),
    ...(publish ? { topics_publish: publish } : {}),
    ...(subscribe ? { topics_subscribe: subscribe } : {}),
  };
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime(expiresAt);
  if (issuer) token.setIssuer(issuer);
  if (audience) token.setAudience(audience);
  return token.setIssuedAt(request.issuedAt).sign(createSecretKey(Buffer.from(secret)));
}

/** Signs what `createTokenVerifier` of the same configuration takes; null without a key to sign with. */
export function createTokenIssuer({ secrets: [secret], tenantClaim, issuer, audience }: JwtConfig) {
  if (secret === undefined) return null;
  return (claims: {
    readonly tenant: string;
    readonly userId: string;
    readonly sessionId: string;
    readonly scope: string;
    readonly topics: TopicClaims;
    /** Milliseconds since the Unix epoch, as is `expiresAt`. */
    readonly issuedAt: number;
    readonly expiresAt: number;
  }): Promise<string> =>
    signToken({
      ...claims,
      secret,
      tenantClaim,
      issuer,
      audience,
      issuedAt: Math.floor(claims.issuedAt / 1_000),
      expiresAt: Math.floor(claims.expiresAt / 1_000),
    });
}

/** Refuses tokens whose session has been ended, whatever their signature says. */
export function refuseRevoked(verify: VerifyToken, isRevoked: (viewer: Viewer) => Promise<boolean>): VerifyToken {
  return async (token) => {
    const verification = await verify(token);
    if (verification.outcome !== 'valid') return verification;
    return (await isRevoked(verification.viewer)) ? INVALID : verification;
  };
}
