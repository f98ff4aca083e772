/** The caller of an HTTP request. */
import type { FastifyRequest } from 'fastify';
import { fixedBearer } from '../../access/bearer.ts';
import { type StandingOf, secretOfHeaders } from '../../access/gateway.ts';
import { tokenOfHeader } from '../../access/token-location.ts';
import { reasonOf, type VerifyToken } from '../../access/tokens.ts';
import { ServiceError, unauthenticated } from '../../errors.ts';
import type { Caller } from '../../graphql/context.ts';
import type { RateLimits } from '../../rates/rate-limits.ts';

export interface CallerOptions {
  readonly verifyToken: VerifyToken;
  readonly standingOf: StandingOf;
  readonly rateLimits: RateLimits;
}

/** A request has no token to renew. */
const NOTHING = (): void => undefined;

/** Identifies the caller. An invalid token counts as no token; the reason is reported when a token is needed. */
export async function identify(request: FastifyRequest, options: CallerOptions): Promise<Caller> {
  const { verifyToken, standingOf, rateLimits } = options;
  const standing = standingOf(secretOfHeaders(request.headers));
  const { 'user-agent': userAgent = null, authorization } = request.headers;
  const known = {
    isTrustedGateway: standing.isTrusted,
    isProvenGateway: standing.isProven,
    userAgent,
    lastEventId: null,
    renew: NOTHING,
    isGone: () => request.raw.socket.destroyed,
  };
  const nobody = (refusal: ServiceError): Caller => ({
    ...known,
    bearer: null,
    refusal,
    meter: rateLimits.ofRequest(null),
  });
  if (authorization === undefined) return nobody(unauthenticated('MISSING'));
  const token = tokenOfHeader(authorization);
  const verification = token ? await verifyToken(token).catch(refusalOf) : null;
  if (verification instanceof ServiceError) return nobody(verification);
  if (verification?.outcome === 'valid') {
    const { viewer } = verification;
    return { ...known, bearer: fixedBearer(viewer), refusal: null, meter: rateLimits.ofRequest(viewer) };
  }
  return nobody(unauthenticated(verification ? reasonOf(verification) : 'INVALID'));
}

/**
 * The engine, which knows the revoked tokens, may be unavailable. Requests that need no token are served all the same.
 */
function refusalOf(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  throw error;
}
