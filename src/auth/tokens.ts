/**
 * JSON Web Tokens (RFC 7519) to viewers, and back. This room is the only one that knows jose.
 *
 * The platform signs tokens and so do we, for sessions. Ours have our issuer and a
 * key of our own, derived from `JWT_SECRET`: a token of the platform cannot pose as
 * one of a session, nor the other way round, though both are signed by a secret.
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
import { type RefusalReason, ServiceError, unavailable } from '../errors.ts';
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
import { reasonOfRefusal } from './refused-tokens.ts';

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

/** What is wrong with a token is told to nobody but the log. Rejects with SERVICE_UNAVAILABLE while that cannot be found out. */
export type VerifyToken = (token: string) => Promise<Verification>;

/** By algorithm, the bytes a secret needs for it (RFC 7518 section 3.2), and its hash. */
const SYMMETRIC = {
  HS256: [32, 'SHA-256'],
  HS384: [48, 'SHA-384'],
  HS512: [64, 'SHA-512'],
} as const;
type Symmetric = keyof typeof SYMMETRIC;
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const DEFAULT_TENANT = 'default';
const INVALID: Verification = { outcome: 'invalid' };

/** Keys, and the algorithms they are for. */
interface Keys {
  readonly algorithms: string[];
  readonly find: JWTVerifyGetKey;
}

export function createTokenVerifier(config: JwtConfig, clock: Clock, tell: (reason: string) => void): VerifyToken {
  const secrets = config.secrets.map((secret) => keysOfSecret(Buffer.from(secret)));
  const ownSecrets = config.secrets.map((secret) => keysOfSecret(sessionKey(secret)));
  /** By digest, so that no token is kept. Trusted for a while only: a key may be withdrawn. */
  const verified = new LRUCache<string, Verified>({ max: LIMITS.verifiedTokens });
  const remote: Keys[] = config.jwksUrl
    ? [{ algorithms: ASYMMETRIC, find: createRemoteKeys(new URL(config.jwksUrl)) }]
    : [];
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

  /** What a token says; the reason why it is refused is thrown. */
  async function verifyWith(token: string, { algorithms, find }: Keys, isOurs: boolean): Promise<Verification> {
    const expected = isOurs ? { issuer: SESSION_ISSUER } : ofPlatform;
    const { payload } = await jwtVerify(token, find, { ...options(algorithms), ...expected });
    const verification = toViewer(payload, config.tenantClaim, isOurs, clock.now());
    if (verification.outcome === 'invalid') tell('a claim of it is not what it should be');
    return verification;
  }

  async function verify(token: string): Promise<Verification> {
    const isOurs = issuerOf(token) === SESSION_ISSUER;
    let refusal: unknown;
    for (const keys of isOurs ? ownSecrets : [...secrets, ...remote]) {
      try {
        return await verifyWith(token, keys, isOurs);
      } catch (error) {
        if (error instanceof ServiceError) throw error;
        // Of several keys, the one that comes closest knows best.
        if (refusal === undefined || !isOtherKey(error)) refusal = error;
        if (error instanceof errors.JWTExpired) break;
      }
    }
    tell(reasonOfRefusal(refusal));
    return refusal instanceof errors.JWTExpired ? { outcome: 'expired' } : INVALID;
  }

  return async (token) => {
    if (Buffer.byteLength(token) > LIMITS.tokenBytes) {
      tell(`it is over ${LIMITS.tokenBytes} bytes`);
      return INVALID;
    }
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
  let waiting = 0;
  return async (header, token) => {
    if (waiting >= LIMITS.tokensAwaitingKeys) throw unavailable();
    waiting += 1;
    try {
      return await remote(header, token);
    } catch (error) {
      const known = remote.jwks();
      // The endpoint is away: what it said last is better than letting nobody in.
      if (error instanceof errors.JWKSNoMatchingKey || !known) throw error;
      return createLocalJWKSet(known)(header, token);
    } finally {
      waiting -= 1;
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

/** The keys a secret is long enough for, imported once: jose would import it anew for each token. */
function keysOfSecret(secret: Uint8Array<ArrayBuffer>): Keys {
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

/** Whether a token only was not for the key at hand. */
function isOtherKey(error: unknown): boolean {
  return (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JWKSNoMatchingKey
  );
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
  // Fractions of a second are valid (RFC 7519, NumericDate); what is past the end of dates is not.
  if (typeof exp !== 'number' || Math.abs(exp * 1_000) > LIMITS.dateMs) return INVALID;
  return {
    outcome: 'valid',
    viewer: {
      tenant: tenant as TenantId,
      userId: sub,
      scopes: new Set(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []),
      sessionId: isOurs ? idOf<SessionId>(sid) : null,
      // A session of the platform is its own business, and tells devices apart here.
      deviceId: idOf<DeviceId>(isOurs ? did : sid),
      issuedAt: typeof iat === 'number' ? Math.floor(iat * 1_000) : null,
      topics: { publish: patternsOf(payload['topics_publish']), subscribe: patternsOf(payload['topics_subscribe']) },
      expiresAt: Math.floor(exp * 1_000),
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
