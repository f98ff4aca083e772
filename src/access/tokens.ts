/**
 * JSON Web Tokens (RFC 7519) to viewers, and back. This room is the only one that knows jose.
 *
 * The platform signs tokens and so do we, for sessions. Ours have our issuer and a
 * key of our own, derived from `JWT_SECRET`: a token of the platform cannot pose as
 * one of a session, nor the other way round, though both are signed by a secret.
 */
import { createHash, createSecretKey } from 'node:crypto';
import { decodeJwt, errors, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { SESSION_ISSUER } from '../config/issuers.ts';
import type { JwtConfig } from '../config.ts';
import { type RefusalReason, ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { TopicClaims, Viewer } from '../model.ts';
import { bearerOf, type ClaimNames, INVALID, toViewer, type Verification } from './claims.ts';
import { isOtherKey, type Keys, keysOfEndpoint, keysOfSecret, sessionKey } from './keys.ts';
import { reasonOfRefusal } from './refused-tokens.ts';

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

/** One that signs tokens, and what is expected of them. */
interface Issuer {
  readonly keys: Keys;
  readonly claims: ClaimNames;
  readonly expected: Pick<JWTVerifyOptions, 'issuer' | 'audience'>;
}

function issuersOf({ issuers, ...single }: JwtConfig, clock: Clock): Issuer[] {
  const endpoints = new Map<string, Keys>();
  const keysAt = (url: string): Keys => {
    const keys = endpoints.get(url) ?? keysOfEndpoint(new URL(url), clock);
    endpoints.set(url, keys);
    return keys;
  };
  return [{ ...single, scopeClaim: null }, ...issuers].flatMap(
    ({ issuer, audience, secrets, jwksUrl, tenantClaim, scopeClaim }) => {
      const expected = { ...(issuer ? { issuer } : {}), ...(audience ? { audience } : {}) };
      const claims = { tenant: tenantClaim, scope: scopeClaim };
      const keys = [
        ...secrets.map((secret) => keysOfSecret(Buffer.from(secret))),
        ...(jwksUrl ? [keysAt(jwksUrl)] : []),
      ];
      return keys.map((each) => ({ keys: each, claims, expected }));
    },
  );
}

export function createTokenVerifier(config: JwtConfig, clock: Clock, tell: (reason: string) => void): VerifyToken {
  const ofPlatform = issuersOf(config, clock);
  const ofSessions = config.secrets.map((secret) => ({
    keys: keysOfSecret(sessionKey(secret)),
    claims: { tenant: config.tenantClaim, scope: null },
    expected: { issuer: SESSION_ISSUER },
  }));
  /** By digest, so that no token is kept. Trusted for a while only: a key may be withdrawn. */
  const verified = new LRUCache<string, Verified>({ max: LIMITS.verifiedTokens });
  const options = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    requiredClaims: ['exp'],
    clockTolerance: TIMES.clockToleranceMs / 1_000,
    currentDate: new Date(clock.now()),
  });

  /** What a token says; the reason why it is refused is thrown. */
  async function verifyWith(token: string, { keys, claims, expected }: Issuer, isOurs: boolean): Promise<Verification> {
    const { payload } = await jwtVerify(token, keys.find, { ...options(keys.algorithms), ...expected });
    if (bearerOf(payload) === undefined) {
      throw new errors.JWTClaimValidationFailed('no bearer', payload, 'sub', 'missing');
    }
    const verification = toViewer(payload, claims, isOurs, clock.now());
    if (verification.outcome === 'invalid') tell('a claim of it is not what it should be');
    return verification;
  }

  /** Those whose token it may be, by what it says itself: it says which keys to try. */
  function candidates(issuer: unknown): readonly Issuer[] {
    if (issuer === SESSION_ISSUER) return ofSessions;
    const named = ofPlatform.filter(({ expected }) => expected.issuer === undefined || expected.issuer === issuer);
    // One of nobody's is tried all the same, so that the log says what is wrong with it.
    return named.length > 0 ? named : ofPlatform;
  }

  async function verify(token: string): Promise<Verification> {
    const issuer = issuerOf(token);
    let refusal: unknown;
    for (const each of candidates(issuer)) {
      try {
        return await verifyWith(token, each, issuer === SESSION_ISSUER);
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

/** Whose a token claims to be, before anybody believes it: it says which keys to try. */
function issuerOf(token: string): unknown {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
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
