/** Sessions: how long a device stays signed in, and how its session ends. */
import { isAdmin, requireSelf } from '../access/rights.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import { TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import {
  isIdentifier,
  isService,
  type Meter,
  type SessionId,
  type SessionLifetimes,
  type SessionRecord,
  type SessionTokens,
  type UserId,
  type Viewer,
} from '../model.ts';
import { userIdentifier } from './input.ts';
import { createRefreshSession } from './session-refresh.ts';
import { createStartSession, type NewSession } from './session-start.ts';
import { createTokensOf, type IssueToken } from './session-tokens.ts';
import { createStoredSessions } from './stored-sessions.ts';

export interface SessionsOptions {
  /** Null: there is no key to sign with. */
  readonly issueToken: IssueToken | null;
  readonly lifetimes: SessionLifetimes;
}

export interface Sessions {
  /** @throws {ServiceError} FORBIDDEN for a token of a session: otherwise a session could be extended without a token of the platform. */
  create(viewer: Viewer, request: NewSession, userAgent: string | null): Promise<SessionTokens>;
  /** @throws {ServiceError} UNAUTHENTICATED for an invalid, used or expired token. */
  refresh(refreshToken: string, meter: Meter): Promise<SessionTokens & { readonly viewer: Viewer }>;
  /** One of the viewer's own, or, for a tenant admin, anyone's. */
  revoke(viewer: Viewer, id: string): Promise<SessionRecord>;
  /** Ends a user's sessions and revokes all tokens of the user. For admins and back ends. Returns the number of sessions. */
  revokeUser(viewer: Viewer, userId: string): Promise<number>;
  /** Returns the number of ended sessions. */
  revokeOthers(viewer: Viewer): Promise<number>;
  /** One of the viewer's own, or, for a tenant admin, anyone's; null when there is none. */
  find(viewer: Viewer, id: string): Promise<SessionRecord | null>;
  /** Latest first. */
  ofUser(viewer: Viewer, userId: UserId): Promise<SessionRecord[]>;
  /** Whether the viewer's token was revoked, or its session has ended. Records that the session was seen. */
  isRevoked(viewer: Viewer): Promise<boolean>;
}

export function createSessions(
  engine: Engine,
  clock: Clock,
  log: Log,
  { issueToken, lifetimes }: SessionsOptions,
): Sessions {
  const stored = createStoredSessions(engine, clock, log, lifetimes);
  const { readOne, readAll, liveOf, isTokenRefused, change, end } = stored;
  const tokensOf = createTokensOf(issueToken, lifetimes);

  async function find(viewer: Viewer, id: string): Promise<SessionRecord | null> {
    const { tenant, userId } = viewer;
    const own = await readOne(tenant, userId, id);
    if (own || !isAdmin(viewer) || !isIdentifier(id)) return own;
    const owner = await engine.findSessionUser(tenant, id as SessionId);
    return owner && readOne(tenant, owner, id);
  }

  return {
    create: createStartSession({ engine, clock, log, lifetimes, stored, tokensOf }),
    refresh: createRefreshSession({ clock, log, stored, tokensOf }),

    async revoke(viewer, id) {
      const session = await find(viewer, id);
      const ended = session && (await end(viewer.tenant, session.userId, session.id));
      if (!ended) throw notFound('session');
      return ended;
    },

    async revokeUser(viewer, id) {
      const userId = userIdentifier(id, 'userId');
      if (!isAdmin(viewer) && !isService(viewer)) {
        throw new ServiceError(
          'FORBIDDEN',
          'Only admins and back ends (scope realtime:service) may revoke the tokens of a user.',
        );
      }
      // Before the sessions are read, so that no session begins with such a token afterwards.
      await engine.refuseTokens(viewer.tenant, userId, clock.now());
      const live = await liveOf(viewer.tenant, userId);
      for (const session of live) await end(viewer.tenant, userId, session.id);
      log.info({ tenant: viewer.tenant, user: userId, sessions: live.length }, 'tokens of a user revoked');
      return live.length;
    },

    async revokeOthers({ tenant, userId, sessionId }) {
      const others = (await liveOf(tenant, userId)).filter(({ id }) => id !== sessionId);
      for (const { id } of others) await end(tenant, userId, id);
      return others.length;
    },

    find,

    async ofUser(viewer, userId) {
      requireSelf(viewer, userId);
      const now = clock.now();
      return (await readAll(viewer.tenant, userId)).filter(({ expiresAt }) => expiresAt > now);
    },

    async isRevoked(viewer) {
      const { tenant, userId, sessionId } = viewer;
      if (sessionId === null) return isTokenRefused(viewer);
      const [isRefusedToo, session] = await Promise.all([isTokenRefused(viewer), readOne(tenant, userId, sessionId)]);
      if (isRefusedToo || !session) return true;
      const now = clock.now();
      if (session.revokedAt === null && now - session.lastSeenAt > TIMES.lastSeenMs) {
        await change(tenant, userId, session.id, () => ({ lastSeenAt: now }));
      }
      return session.revokedAt !== null;
    },
  };
}
