/**
 * JSON Web Tokens (RFC 7519) to viewers, and back. The only file that knows jose.
 *
 * The platform signs tokens and so do we, for sessions. Ours have our issuer and a
 * key of our own, derived from `JWT_SECRET`: a token of the platform cannot pose as
 * one of a session, nor the other way round, though both are signed by HS256.
 */
import { createHash, createSecretKey, hkdfSync, subtle, type webcrypto } from 'node:crypto';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { type JwtConfig, SESSION_ISSUER } from '../config.ts';
import type { RefusalReason } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import {
  type DeviceId,
  isIdentifier,
  isUserId,
  type SessionId,
  type TenantId,
  type TopicClaims,
  type Viewer,
} from '../model.ts';

export type Verification =
  | { readonly outcome: 'valid'; readonly viewer: Viewer }
  | { readonly outcome: 'expired' }
  /** It was good, and has been taken back before its end. */
  | { readonly outcome: 'revoked' }
  | { readonly outcome: 'invalid' };

/** What the bearer of a token that is not valid is told. */
export function reasonOf({ outcome }: Verification): RefusalReason {
  if (outcome === 'expired') return 'EXPIRED';
  return outcome === 'revoked' ? 'REVOKED' : 'INVALID';
}

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
  const secrets = Promise.all(config.secrets.map((secret) => importSecret(Buffer.from(secret))));
  const ownSecrets = Promise.all(config.secrets.map((secret) => importSecret(sessionKey(secret))));
  /** By digest, so that no token is kept. Trusted for a while only: a key may be withdrawn. */
  const verified = new LRUCache<string, Verified>({ max: LIMITS.verifiedTokens });
  const remote = config.jwksUrl ? createRemoteKeys(new URL(config.jwksUrl)) : null;
  const options = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    requiredClaims: ['sub', 'exp'],
    clockTolerance: TIMES.clockToleranceMs / 1_000,
    currentDate: new Date(clock.now()),
  });
  const ofPlatform = {
    ...(config.issuer ? { issuer: config.issuer } : {}),
    ...(config.audience ? { audience: config.audience } : {}),
  };

  async function verifyWith(
    token: string,
    key: webcrypto.CryptoKey | JWTVerifyGetKey,
    isOurs: boolean,
  ): Promise<Verification> {
    const expected = isOurs ? { issuer: SESSION_ISSUER } : ofPlatform;
    try {
      const { payload } =
        typeof key === 'function'
          ? await jwtVerify(token, key, { ...options(ASYMMETRIC), ...expected })
          : await jwtVerify(token, key, { ...options(SYMMETRIC), ...expected });
      return toViewer(payload, config.tenantClaim, isOurs, clock.now());
    } catch (error) {
      return error instanceof errors.JWTExpired ? { outcome: 'expired' } : INVALID;
    }
  }

  async function verify(token: string): Promise<Verification> {
    let verification = INVALID;
    const isOurs = issuerOf(token) === SESSION_ISSUER;
    const keys = isOurs ? await ownSecrets : [...(await secrets), ...(remote ? [remote] : [])];
    for (const key of keys) {
      verification = await verifyWith(token, key, isOurs);
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

/** Whose a token claims to be, before anybody believes it: it says which keys to try. */
function issuerOf(token: string): unknown {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** The key that signs the tokens of sessions (RFC 5869): who knows it does not know the secret it is made from. */
function sessionKey(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync('sha256', secret, '', `${SESSION_ISSUER} session token`, 32));
}

function importSecret(secret: Uint8Array<ArrayBuffer>): Promise<webcrypto.CryptoKey> {
  return subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

/** One from further ahead than clocks may differ would outlive every refusal of its user's tokens until then. */
const isFromAhead = (issuedAt: number, now: number): boolean => !(issuedAt <= now + TIMES.clockToleranceMs);

function toViewer(payload: JWTPayload, tenantClaim: string, isOurs: boolean, now: number): Verification {
  const { sub, exp, iat, scope, sid, did } = payload;
  // Only one that says nothing of a tenant is of the default one.
  const tenant = tenantClaim in payload ? payload[tenantClaim] : DEFAULT_TENANT;
  if (typeof iat === 'number' && isFromAhead(iat * 1_000, now)) return INVALID;
  if (typeof sub !== 'string' || !isUserId(sub)) return INVALID;
  if (typeof tenant !== 'string' || !isIdentifier(tenant)) return INVALID;
  if (isOurs && idOf(sid) === null) return INVALID;
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp * 1_000)) return INVALID;
  return {
    outcome: 'valid',
    viewer: {
      tenant: tenant as TenantId,
      userId: sub,
      scopes: new Set(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []),
      sessionId: isOurs ? idOf<SessionId>(sid) : null,
      // A session of the platform is its own business, and tells devices apart here.
      deviceId: idOf<DeviceId>(isOurs ? did : sid),
      issuedAt: typeof iat === 'number' ? iat * 1_000 : null,
      topics: { publish: patternsOf(payload['topics_publish']), subscribe: patternsOf(payload['topics_subscribe']) },
      expiresAt: exp * 1_000,
    },
  };
}

function idOf<Id extends string>(claim: unknown): Id | null {
  return typeof claim === 'string' && isIdentifier(claim) ? (claim as string as Id) : null;
}

/** A list of texts, or one text with spaces. Anything else names nothing: a claim that is not understood opens nothing. */
function patternsOf(claim: unknown): readonly string[] | null {
  if (claim === undefined) return null;
  if (typeof claim === 'string') return claim.split(' ').filter(Boolean);
  return Array.isArray(claim) ? claim.filter((pattern) => typeof pattern === 'string') : [];
}

export interface TokenRequest {
  readonly secret: string | Uint8Array;
  readonly userId: string;
  readonly tenant?: string | undefined;
  readonly tenantClaim?: string | undefined;
  readonly scope?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly deviceId?: string | undefined;
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
  const {
    secret,
    userId,
    tenant,
    tenantClaim = 'tenant_id',
    scope,
    sessionId,
    deviceId,
    issuer,
    audience,
    expiresAt,
  } = request;
  const { publish, subscribe } = request.topics ?? { publish: null, subscribe: null };
  const claims = {
    ...(tenant ? { [tenantClaim]: tenant } : {}),
    ...(scope ? { scope } : {}),
    ...(sessionId ? { sid: sessionId } : {}),
    ...(deviceId ? { did: deviceId } : {}),
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

/** Signs tokens of sessions, for `createTokenVerifier` of the same configuration; null without a key to sign with. */
export function createTokenIssuer({ secrets: [shared], tenantClaim }: JwtConfig) {
  if (shared === undefined) return null;
  const secret = sessionKey(shared);
  return (claims: {
    readonly tenant: string;
    readonly userId: string;
    readonly sessionId: string;
    readonly deviceId: string;
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
      issuer: SESSION_ISSUER,
      issuedAt: Math.floor(claims.issuedAt / 1_000),
      expiresAt: Math.floor(claims.expiresAt / 1_000),
    });
}

/** Refuses tokens that were taken back, or whose session has ended, whatever their signature says. */
export function refuseRevoked(verify: VerifyToken, isRevoked: (viewer: Viewer) => Promise<boolean>): VerifyToken {
  return async (token) => {
    const verification = await verify(token);
    if (verification.outcome !== 'valid') return verification;
    return (await isRevoked(verification.viewer)) ? { outcome: 'revoked' } : verification;
  };
}
