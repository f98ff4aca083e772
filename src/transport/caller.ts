/** Who makes an HTTP request. */
import type { FastifyRequest } from 'fastify';
import { bearerOf } from '../access/bearer.ts';
import type { IsGateway } from '../auth/gateway.ts';
import { tokenOfHeader } from '../auth/token-location.ts';
import { reasonOf, type VerifyToken } from '../auth/tokens.ts';
import { ServiceError, unauthenticated } from '../errors.ts';
import type { Caller } from '../graphql/context.ts';
import type { RateLimits } from '../rates/rate-limits.ts';

export interface CallerOptions {
  readonly verifyToken: VerifyToken;
  readonly isGateway: IsGateway;
  readonly rateLimits: RateLimits;
}

/** A request is over before its token is. */
const NOTHING = (): void => undefined;

/** Who calls; with a token that is not valid nobody, and why is told when one is needed. */
export async function identify(request: FastifyRequest, options: CallerOptions): Promise<Caller> {
  const { verifyToken, isGateway, rateLimits } = options;
  const secret = request.headers['router-authorization'];
  const isTrustedGateway = isGateway(typeof secret === 'string' ? secret : null);
  const { authorization, 'user-agent': userAgent = null } = request.headers;
  const nobody = (refusal: ServiceError): Caller => ({
    bearer: null,
    refusal,
    isTrustedGateway,
    meter: rateLimits.ofRequest(null),
    userAgent,
    renew: NOTHING,
  });
  if (authorization === undefined) return nobody(unauthenticated('MISSING'));
  const token = tokenOfHeader(authorization);
  const verification = token ? await verifyToken(token).catch(refusalOf) : null;
  if (verification instanceof ServiceError) return nobody(verification);
  if (verification?.outcome === 'valid') {
    const { viewer } = verification;
    const meter = rateLimits.ofRequest(viewer);
    return { bearer: bearerOf(viewer), refusal: null, isTrustedGateway, meter, userAgent, renew: NOTHING };
  }
  return nobody(unauthenticated(verification ? reasonOf(verification) : 'INVALID'));
}

/** The engine is asked whether a token was taken back, and may be away: what needs no token is served all the same. */
function refusalOf(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  throw error;
}
