/** Reads the JWT claims (RFC 7519) of a verified token into a viewer. */
import type { JWTPayload } from 'jose';
import { LIMITS, TIMES } from '../limits.ts';
import { type DeviceId, isIdentifier, isUserId, type SessionId, type TenantId, type Viewer } from '../model.ts';

export type Verification =
  | { readonly outcome: 'valid'; readonly viewer: Viewer }
  | { readonly outcome: 'expired' }
  /** The token was valid, and was revoked before it expired. */
  | { readonly outcome: 'revoked' }
  | { readonly outcome: 'invalid' };

const DEFAULT_TENANT = 'default';
export const INVALID: Verification = { outcome: 'invalid' };

/** The claims in which an issuer puts tenant and scope. */
export interface ClaimNames {
  readonly tenant: string;
  /** Null: `scope`, or `scp` when there is no `scope`. */
  readonly scope: string | null;
}

/** A token with `iat` in the future would survive every revocation before that time, so only clock skew is allowed. */
const isFromAhead = (issuedAt: number, now: number): boolean => !(issuedAt <= now + TIMES.clockToleranceMs);

/** `isOurs`: the token is one of a session. `now`: milliseconds since the Unix epoch. */
export function toViewer(payload: JWTPayload, names: ClaimNames, isOurs: boolean, now: number): Verification {
  const { exp, iat, sid, did } = payload;
  const user = isOurs ? payload.sub : subjectOf(payload);
  // Only a token without the claim belongs to the default tenant.
  const tenant = names.tenant in payload ? payload[names.tenant] : DEFAULT_TENANT;
  if (typeof iat === 'number' && isFromAhead(iat * 1_000, now)) return INVALID;
  if (typeof user !== 'string' || !isUserId(user)) return INVALID;
  if (typeof tenant !== 'string' || !isIdentifier(tenant)) return INVALID;
  if (isOurs && idOf(sid) === null) return INVALID;
  // Fractions of a second are valid (RFC 7519, NumericDate); values past the end of dates are not.
  if (typeof exp !== 'number' || Math.abs(exp * 1_000) > LIMITS.dateMs) return INVALID;
  return {
    outcome: 'valid',
    viewer: {
      tenant: tenant as TenantId,
      userId: user,
      scopes: scopesOf(names.scope === null ? (payload['scope'] ?? payload['scp']) : payload[names.scope]),
      sessionId: isOurs ? idOf<SessionId>(sid) : null,
      // The session id of the platform only names the device here.
      deviceId: idOf<DeviceId>(isOurs ? did : sid),
      issuedAt: typeof iat === 'number' ? Math.floor(iat * 1_000) : null,
      topics: { publish: patternsOf(payload['topics_publish']), subscribe: patternsOf(payload['topics_subscribe']) },
      expiresAt: Math.floor(exp * 1_000),
    },
  };
}

/** A client-credentials token may have no `sub`: it belongs to its client (RFC 9068 section 2.2, `azp` of OpenID Connect). */
export function subjectOf({ sub, client_id: client, azp }: JWTPayload): unknown {
  return sub === undefined ? (client ?? azp) : sub;
}

/** One string with spaces (RFC 8693 section 4.2), or a list. Any other value grants nothing. */
function scopesOf(claim: unknown): ReadonlySet<string> {
  return new Set(patternsOf(claim ?? []));
}

function idOf<Id extends string>(claim: unknown): Id | null {
  return typeof claim === 'string' && isIdentifier(claim) ? (claim as string as Id) : null;
}

/** A list of strings, or one string with spaces. Any other value names no topics and grants nothing. */
function patternsOf(claim: unknown): readonly string[] | null {
  if (claim === undefined) return null;
  if (typeof claim === 'string') return claim.split(' ').filter(Boolean);
  return Array.isArray(claim) ? claim.filter((pattern) => typeof pattern === 'string') : [];
}
