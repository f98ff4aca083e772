/** The tokens of a session: their claims, and their holder. */
import { ServiceError } from '../errors.ts';
import type {
  DeviceId,
  Scope,
  SessionId,
  SessionLifetimes,
  SessionRecord,
  SessionTokens,
  TenantId,
  TopicClaims,
  UserId,
  Viewer,
} from '../model.ts';
import { encodeRefreshToken } from './refresh-token.ts';

/** The claims of an access token. Instants in milliseconds. */
export interface TokenClaims {
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly deviceId: DeviceId;
  readonly scope: string;
  readonly topics: TopicClaims;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** The same claims give the same token. */
export type IssueToken = (claims: TokenClaims) => Promise<string>;

export type TokensOf = (tenant: TenantId, session: SessionRecord, secret: string) => Promise<SessionTokens>;

/** Scopes that do not pass into sessions: these rights end with the platform's token. */
const KEPT_OUT = new Set<string>(['realtime:admin', 'realtime:service'] satisfies Scope[]);

export const scopesOf = (scope: string): string[] =>
  scope.split(' ').filter((each) => each !== '' && !KEPT_OUT.has(each));

export function viewerOf(tenant: TenantId, session: SessionRecord, expiresAt: number): Viewer {
  const { id: sessionId, userId, deviceId, scope, topics, rotatedAt: issuedAt } = session;
  return { tenant, userId, scopes: new Set(scopesOf(scope)), topics, sessionId, deviceId, issuedAt, expiresAt };
}

/** `issueToken` is null where there is no key to sign with. */
export function createTokensOf(issueToken: IssueToken | null, lifetimes: SessionLifetimes): TokensOf {
  return async (tenant, session, secret) => {
    if (!issueToken)
      throw new ServiceError('FORBIDDEN', 'This service cannot issue tokens, because JWT_SECRET is not set.');
    const { id, userId, deviceId, topics, rotatedAt, expiresAt } = session;
    const scope = scopesOf(session.scope).join(' ');
    const seconds = Math.floor(Math.min(rotatedAt + lifetimes.accessTokenMs, expiresAt) / 1_000);
    const claims = {
      tenant,
      userId,
      sessionId: id,
      deviceId,
      scope,
      topics,
      issuedAt: rotatedAt,
      expiresAt: seconds * 1_000,
    };
    return {
      session,
      accessToken: await issueToken(claims),
      accessTokenExpiresAt: claims.expiresAt,
      refreshToken: encodeRefreshToken({ tenant, userId, id, secret }),
      refreshTokenExpiresAt: expiresAt,
    };
  };
}
