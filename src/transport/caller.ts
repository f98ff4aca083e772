/** Who makes an HTTP request. */
import type { FastifyRequest } from 'fastify';
import type { IsGateway } from '../auth/gateway.ts';
import { tokenOfHeader } from '../auth/token-location.ts';
import type { VerifyToken } from '../auth/tokens.ts';
import { ServiceError } from '../errors.ts';
import type { Caller } from '../graphql/context.ts';
import { toGraphQLError } from '../graphql/errors.ts';

export interface CallerOptions {
  readonly verifyToken: VerifyToken;
  readonly isGateway: IsGateway;
}

/** @throws {GraphQLError} UNAUTHENTICATED for a token that is not valid. */
export async function identify(request: FastifyRequest, { verifyToken, isGateway }: CallerOptions): Promise<Caller> {
  const secret = request.headers['router-authorization'];
  const isTrustedGateway = isGateway(typeof secret === 'string' ? secret : null);
  const { authorization } = request.headers;
  if (authorization === undefined) return { viewer: null, isTrustedGateway };
  const token = tokenOfHeader(authorization);
  const verification = token ? await verifyToken(token) : null;
  if (verification?.outcome === 'valid') return { viewer: verification.viewer, isTrustedGateway };
  const message = verification?.outcome === 'expired' ? 'The token has expired.' : 'The token is not valid.';
  throw toGraphQLError(new ServiceError('UNAUTHENTICATED', message));
}
