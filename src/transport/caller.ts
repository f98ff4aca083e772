/** Who makes an HTTP request. */
import type { FastifyRequest } from 'fastify';
import type { IsGateway } from '../auth/gateway.ts';
import { tokenOfHeader } from '../auth/token-location.ts';
import type { VerifyToken } from '../auth/tokens.ts';
import { ServiceError } from '../errors.ts';
import type { Caller } from '../graphql/context.ts';
import { toGraphQLError } from '../graphql/errors.ts';
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
  const nobody = (message: string): Caller => ({
    viewer: null,
    refusal: new ServiceError('UNAUTHENTICATED', message),
    isTrustedGateway,
    meter: rateLimits.ofRequest(null),
    userAgent,
    renew: NOTHING,
  });
  if (authorization === undefined) return nobody('A token is needed.');
  const token = tokenOfHeader(authorization);
  const verification = token ? await verifyToken(token).catch(asGraphQLError) : null;
  if (verification?.outcome === 'valid') {
    const { viewer } = verification;
    return { viewer, refusal: null, isTrustedGateway, meter: rateLimits.ofRequest(viewer), userAgent, renew: NOTHING };
  }
  return nobody(verification?.outcome === 'expired' ? 'The token has expired.' : 'The token is not valid.');
}

/** The engine is asked whether a token's session goes on, and may be away. */
function asGraphQLError(error: unknown): never {
  throw error instanceof ServiceError ? toGraphQLError(error) : error;
}
