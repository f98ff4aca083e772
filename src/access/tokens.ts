/**
 * Converts JSON Web Tokens (RFC 7519) to viewers and back. Only this folder imports jose.
 *
 * The platform signs its tokens; this service signs the tokens of sessions. Session tokens have the service's
 * issuer and a key derived from `JWT_SECRET`, so the two kinds cannot be confused although both use a secret.
 */
import { createSecretKey, hash } from 'node:crypto';
import { decodeJwt, errors, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { SESSION_ISSUER } from '../config/issuers.ts';
import type { JwtConfig } from '../config.ts';
import { type RefusalReason, ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { TopicClaims, Viewer } from '../model.ts';
import { type ClaimNames, INVALID, subjectOf, toViewer, type Verification } from './claims.ts';
import { isOtherKey, keysOfEndpoint, keysOfSecret, sessionKey, type VerificationKeys } from './keys.ts';
import { reasonOfRefusal } from './refused-tokens.ts';

/** The reason that the caller with an invalid token gets. */
export function reasonOf({ outcome }: Verification): RefusalReason {
  if (outcome === 'expired') return 'EXPIRED';
  return outcome === 'revoked' ? 'REVOKED' : 'INVALID';
}

interface Verified {
  readonly verification: Verification;
  /** End of the token, in milliseconds since the Unix epoch. */
  readonly expiry: number;
  /** When the token is verified again, by `Clock.elapsed`. */
  readonly until: number;
}

/** The exact fault of a token is only logged. Rejects with SERVICE_UNAVAILABLE while the keys cannot be loaded. */
export type VerifyToken = (token: string) => Promise<Verification>;

/** An issuer of tokens, and the values expected in them. */
interface Issuer {
  readonly keys: VerificationKeys;
  readonly claims: ClaimNames;
  readonly expected: Pick<JWTVerifyOptions, 'issuer' | 'audience'>;
}

function issuersOf({ issuers, ...single }: JwtConfig, clock: Clock): Issuer[] {
  const endpoints = new Map<string, VerificationKeys>();
  const keysAt = (url: string): VerificationKeys => {
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
  /** Keyed by digest, so no token is stored. Entries expire, since a key may be withdrawn. */
  const verified = new LRUCache<string, Verified>({ max: LIMITS.verifiedTokens });
  const options = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    requiredClaims: ['exp'],
    clockTolerance: TIMES.clockToleranceMs / 1_000,
    currentDate: new Date(clock.now()),
  });

  /** Verifies a token. @throws The reason why it is refused. */
  async function verifyWith(token: string, { keys, claims, expected }: Issuer, isOurs: boolean): Promise<Verification> {
    const { payload } = await jwtVerify(token, keys.find, { ...options(keys.algorithms), ...expected });
    if (subjectOf(payload) === undefined) {
      throw new errors.JWTClaimValidationFailed('no bearer', payload, 'sub', 'missing');
    }
    const verification = toViewer(payload, claims, isOurs, clock.now());
    if (verification.outcome === 'invalid') tell('a claim of it is not what it should be');
    return verification;
  }

  /** The issuers to try, chosen by the token's own unverified `iss`. */
  function candidates(issuer: unknown): readonly Issuer[] {
    if (issuer === SESSION_ISSUER) return ofSessions;
    const named = ofPlatform.filter(({ expected }) => expected.issuer === undefined || expected.issuer === issuer);
    // A token of an unknown issuer is tried too, so that the log has the reason of the refusal.
    return named.length > 0 ? named : ofPlatform;
  }

  async function verify(token: string): Promise<Verification> {
    const issuer = issuerOf(token);
    let refusal: unknown;
    for (const each of candidates(issuer)) {
      try {
        return await verifyWith(token, each, issuer === SESSION_ISSUER);
      } catch (error) {
        // With several keys, the error of the closest match is the most useful.
        if (refusal === undefined || !isOtherKey(error)) refusal = error;
        if (error instanceof errors.JWTExpired) break;
      }
    }
    tell(reasonOfRefusal(refusal));
    if (refusal instanceof ServiceError) throw refusal;
    return refusal instanceof errors.JWTExpired ? { outcome: 'expired' } : INVALID;
  }

  return async (token) => {
    if (Buffer.byteLength(token) > LIMITS.tokenBytes) {
      tell(`it is over ${LIMITS.tokenBytes} bytes`);
      return INVALID;
    }
    const digest = hash('sha256', token, 'base64');
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

/** The unverified `iss` of a token: it only selects the keys to try. */
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

/** Signs tokens of sessions, for `createTokenVerifier` with the same configuration. Null without a key to sign with. */
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

/** Refuses tokens that were revoked, or whose session has ended, even with a valid signature. */
export function refuseRevoked(verify: VerifyToken, isRevoked: (viewer: Viewer) => Promise<boolean>): VerifyToken {
  return async (token) => {
    const verification = await verify(token);
    if (verification.outcome !== 'valid') return verification;
    return (await isRevoked(verification.viewer)) ? { outcome: 'revoked' } : verification;
  };
}
