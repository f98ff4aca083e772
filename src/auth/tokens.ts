/** JSON Web Tokens (RFC 7519) to viewers, and back. The only file that knows jose. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import {
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Clock } from '../clock.ts';
import type { JwtConfig } from '../config.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { isIdentifier, type TenantId, type UserId, type Viewer } from '../model.ts';

export type Verification =
  | { readonly outcome: 'valid'; readonly viewer: Viewer }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'invalid' };

/** Never throws; what is wrong with a token is told to nobody. */
export type VerifyToken = (token: string) => Promise<Verification>;

const SYMMETRIC = ['HS256'];
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const DEFAULT_TENANT = 'default';
const INVALID: Verification = { outcome: 'invalid' };

export function createTokenVerifier(config: JwtConfig, clock: Clock): VerifyToken {
  const secrets = config.secrets.map((secret) => createSecretKey(Buffer.from(secret)));
  const remote = config.jwksUrl ? createRemoteJWKSet(new URL(config.jwksUrl)) : null;
  const options = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    requiredClaims: ['sub', 'exp'],
    clockTolerance: TIMES.clockToleranceMs / 1_000,
    currentDate: new Date(clock.now()),
    ...(config.issuer ? { issuer: config.issuer } : {}),
    ...(config.audience ? { audience: config.audience } : {}),
  });

  async function verifyWith(token: string, key: KeyObject | JWTVerifyGetKey): Promise<Verification> {
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

  return async (token) => {
    if (Buffer.byteLength(token) > LIMITS.tokenBytes) return INVALID;
    let verification = INVALID;
    for (const key of remote ? [...secrets, remote] : secrets) {
      verification = await verifyWith(token, key);
      if (verification.outcome !== 'invalid') return verification;
    }
    return verification;
  };
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
      expiresAt: exp * 1_000,
    },
  };
}

export interface TokenRequest {
  readonly secret: string;
  readonly userId: string;
  readonly tenant?: string | undefined;
  readonly tenantClaim?: string | undefined;
  readonly scope?: string | undefined;
  readonly issuer?: string | null | undefined;
  readonly audience?: string | null | undefined;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** Signs a token with HS256, for development and tests; the platform's own issuer signs the real ones. */
export function signToken(request: TokenRequest): Promise<string> {
  const { secret, userId, tenant, tenantClaim = 'tenant_id', scope, issuer, audience, expiresAt } = request;
  const claims = { ...(tenant ? { [tenantClaim]: tenant } : {}), ...(scope ? { scope } : {}) };
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime(expiresAt);
  if (issuer) token.setIssuer(issuer);
  if (audience) token.setAudience(audience);
  return token.setIssuedAt().sign(createSecretKey(Buffer.from(secret)));
}
