/** Sessions: how long a device stays signed in, and how that ends. */
import { randomBytes } from 'node:crypto';
import { isRefused } from '../access/revocation.ts';
import { isAdmin, isService, requireSelf } from '../access/rights.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError, unauthenticated } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  DeviceId,
  Meter,
  Scope,
  SessionId,
  SessionRecord,
  SessionTokens,
  TenantId,
  TopicClaims,
  UserId,
  Viewer,
} from '../model.ts';
import { isIdentifier } from '../model.ts';
import { displayName, identifier, optional, userIdentifier } from './input.ts';
import {
  decodeRefreshToken,
  encodeRefreshToken,
  hashOf,
  isHeld,
  isKnown,
  isSame,
  newSecret,
  notGood,
  successorOf,
} from './refresh-token.ts';
import { latestFirst } from './session-page.ts';

/** What an access token says. Instants in milliseconds. */
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

export interface SessionsOptions {
  /** Null: there is no key to sign with. */
  readonly issueToken: IssueToken | null;
  readonly lifetimes: SessionLifetimes;
}

export interface SessionLifetimes {
  readonly accessTokenMs: number;
  readonly idleMs: number;
  readonly maxAgeMs: number;
}

/** The same claims give the same token. */
export type IssueToken = (claims: TokenClaims) => Promise<string>;

export interface NewSession {
  readonly deviceId: string;
  readonly deviceName?: string | null | undefined;
}

export interface Sessions {
  /** @throws {ServiceError} FORBIDDEN for a token of a session: none outlives the platform's word by another. */
  create(viewer: Viewer, request: NewSession, userAgent: string | null): Promise<SessionTokens>;
  /** @throws {ServiceError} UNAUTHENTICATED for a token that is not good, or no longer. */
  refresh(refreshToken: string, meter: Meter): Promise<SessionTokens & { readonly viewer: Viewer }>;
  /** One of the viewer's own, or, for a tenant admin, anyone's. */
  revoke(viewer: Viewer, id: string): Promise<SessionRecord>;
  /** Ends a user's sessions and refuses all tokens they have, for admins and services. Answers how many sessions. */
  revokeUser(viewer: Viewer, userId: string): Promise<number>;
  /** How many were ended. */
  revokeOthers(viewer: Viewer): Promise<number>;
  /** One of the viewer's own, or, for a tenant admin, anyone's; null when there is none. */
  find(viewer: Viewer, id: string): Promise<SessionRecord | null>;
  /** Latest first. */
  ofUser(viewer: Viewer, userId: UserId): Promise<SessionRecord[]>;
  /** Whether the viewer's token was taken back, or its session has ended. Notes that the session was seen. */
  isRevoked(viewer: Viewer): Promise<boolean>;
}

/** Rights beyond a user's own affairs end with the token of the platform that gave them. */
const KEPT_OUT = new Set<string>(['realtime:admin', 'realtime:service'] satisfies Scope[]);

const scopesOf = (scope: string): string[] => scope.split(' ').filter((each) => each !== '' && !KEPT_OUT.has(each));

function viewerOf(tenant: TenantId, session: SessionRecord, expiresAt: number): Viewer {
  const { id: sessionId, userId, deviceId, scope, topics, rotatedAt: issuedAt } = session;
  return { tenant, userId, scopes: new Set(scopesOf(scope)), topics, sessionId, deviceId, issuedAt, expiresAt };
}

export function createSessions(
  engine: Engine,
  clock: Clock,
  log: Log,
  { issueToken, lifetimes }: SessionsOptions,
): Sessions {
  /** When a session ends that is refreshed at this moment. */
  const endOf = (createdAt: number, now: number): number =>
    Math.min(now + lifetimes.idleMs, createdAt + lifetimes.maxAgeMs);

  /** What it says of its end was so when it was written: the settings may have changed since, or the version. */
  function asOfNow(session: SessionRecord): SessionRecord {
    return { ...session, expiresAt: Math.min(session.expiresAt, session.createdAt + lifetimes.maxAgeMs) };
  }

  async function readOne(tenant: TenantId, userId: UserId, id: string): Promise<SessionRecord | null> {
    if (!isIdentifier(id)) return null;
    const [session] = await engine.readSessions(tenant, userId, id as SessionId);
    return session && asOfNow(session).expiresAt > clock.now() ? asOfNow(session) : null;
  }

  async function find(viewer: Viewer, id: string): Promise<SessionRecord | null> {
    const { tenant, userId } = viewer;
    const own = await readOne(tenant, userId, id);
    if (own || !isAdmin(viewer) || !isIdentifier(id)) return own;
    const owner = await engine.findSessionUser(tenant, id as SessionId);
    return owner && readOne(tenant, owner, id);
  }

  async function readAll(tenant: TenantId, userId: UserId): Promise<SessionRecord[]> {
    const all = await engine.readSessions(tenant, userId, null);
    return all.map(asOfNow).sort(latestFirst);
  }

  async function liveOf(tenant: TenantId, userId: UserId): Promise<SessionRecord[]> {
    const now = clock.now();
    return (await readAll(tenant, userId)).filter(({ expiresAt, revokedAt }) => revokedAt === null && expiresAt > now);
  }

  async function isTokenRefused(viewer: Viewer): Promise<boolean> {
    return isRefused(viewer, await engine.readRefusal(viewer.tenant, viewer.userId), clock.now());
  }

  /** Changes a session as it is then, whoever else changes it meanwhile. */
  async function change(
    tenant: TenantId,
    userId: UserId,
    id: SessionId,
    next: (session: SessionRecord) => Partial<SessionRecord> | null,
  ): Promise<SessionRecord | null> {
    for (;;) {
      const session = await readOne(tenant, userId, id);
      const changes = session && next(session);
      if (!session || !changes) return session;
      const changed = { ...session, ...changes, version: session.version + 1 };
      if (await engine.writeSession(tenant, changed, [])) return changed;
    }
  }

  async function end(tenant: TenantId, userId: UserId, id: SessionId): Promise<SessionRecord | null> {
    const now = clock.now();
    const ended = await change(tenant, userId, id, ({ revokedAt }) => (revokedAt === null ? { revokedAt: now } : null));
    if (ended?.revokedAt === now) log.info({ tenant, user: userId, session: id }, 'session ended');
    return ended;
  }

  async function tokensOf(tenant: TenantId, session: SessionRecord, secret: string): Promise<SessionTokens> {
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
  }

  /** What a presented secret makes of a session: its successor, or an end. */
  function rotate(session: SessionRecord, secret: string, nonce: string): Partial<SessionRecord> | null {
    const presented = hashOf(secret);
    const now = clock.now();
    if (session.revokedAt !== null) return null;
    if (isSame(presented, session.currentHash)) {
      return {
        currentHash: hashOf(successorOf(secret, nonce)),
        previousHash: presented,
        nonce,
        rotatedAt: now,
        lastSeenAt: now,
        expiresAt: endOf(session.createdAt, now),
        usedHashes: [...session.usedHashes, session.previousHash].slice(-LIMITS.usedRefreshTokens),
      };
    }
    if (isSame(presented, session.previousHash) && now - session.rotatedAt <= TIMES.refreshLeewayMs) return null;
    return isKnown(session, secret) ? { revokedAt: now } : null;
  }

  return {
    async create(viewer, request, userAgent) {
      if (viewer.sessionId !== null)
        throw new ServiceError('FORBIDDEN', 'A session can only be created with a token of the platform.');
      const { tenant, userId } = viewer;
      const deviceId = identifier<DeviceId>(request.deviceId, 'deviceId');
      const deviceName = optional(request.deviceName, (value) => displayName(value, 'deviceName'));
      const now = clock.now();
      const known = await readAll(tenant, userId);
      const gone = known.filter(
        ({ expiresAt, revokedAt }) => expiresAt <= now || (revokedAt ?? now) + lifetimes.accessTokenMs * 2 <= now,
      );
      const live = known.filter(({ expiresAt, revokedAt }) => expiresAt > now && revokedAt === null);
      // The one begun first makes room.
      for (const { id } of live.slice(LIMITS.sessionsPerUser - 1)) await end(tenant, userId, id);
      const secret = newSecret();
      const session: SessionRecord = {
        id: randomBytes(16).toString('base64url') as SessionId,
        userId,
        deviceId,
        deviceName,
        userAgent: userAgent?.slice(0, LIMITS.userAgentCharacters) ?? null,
        scope: scopesOf([...viewer.scopes].join(' ')).join(' '),
        topics: viewer.topics,
        createdAt: now,
        lastSeenAt: now,
        expiresAt: endOf(now, now),
        revokedAt: null,
        currentHash: hashOf(secret),
        previousHash: '',
        nonce: '',
        rotatedAt: now,
        usedHashes: [],
        version: 1,
      };
      const tokens = await tokensOf(tenant, session, secret);
      await engine.writeSession(
        tenant,
        session,
        gone.map(({ id }) => id),
      );
      // Refused while it was made: either this is seen here, or the session there.
      if (await isTokenRefused(viewer)) {
        await end(tenant, userId, session.id);
        throw unauthenticated('REVOKED');
      }
      log.info({ tenant, user: userId, session: session.id }, 'session begun');
      return tokens;
    },

    async refresh(refreshToken, meter) {
      const { tenant, userId, id, secret } = decodeRefreshToken(refreshToken);
      const nonce = newSecret();
      let isEnded = false;
      let isCounted = false;
      const session = await change(tenant, userId, id, (known) => {
        // Only of who holds the token of the session: nobody else uses up its user's rate.
        if (!isCounted && isHeld(known, secret)) meter.of(viewerOf(tenant, known, known.expiresAt)).count('session');
        isCounted = true;
        const changes = rotate(known, secret, nonce);
        isEnded = changes?.revokedAt !== undefined;
        return changes;
      });
      // Said once: whoever has the token may try it again and again.
      if (isEnded) log.warn({ tenant, user: userId, session: id }, 'refresh token used twice: its session has ended');
      if (session && session.revokedAt !== null && isKnown(session, secret)) throw notGood('REVOKED');
      if (!session || session.revokedAt !== null) throw notGood();
      const next = successorOf(secret, session.nonce);
      // Another's rotation came in between, or the secret was never this session's.
      if (!isSame(hashOf(next), session.currentHash)) throw notGood();
      const tokens = await tokensOf(tenant, session, next);
      return { ...tokens, viewer: viewerOf(tenant, session, tokens.accessTokenExpiresAt) };
    },

    async revoke(viewer, id) {
      const session = await find(viewer, id);
      const ended = session && (await end(viewer.tenant, session.userId, session.id));
      if (!ended) throw notFound('session');
      return ended;
    },

    async revokeUser(viewer, id) {
      const userId = userIdentifier(id, 'userId');
      if (!isAdmin(viewer) && !isService(viewer)) {
        throw new ServiceError('FORBIDDEN', 'Only admins and services may revoke the tokens of a user.');
      }
      // First, so that no session can begin by such a token behind the look at them.
      await engine.refuseTokens(viewer.tenant, userId, clock.now());
      const live = await liveOf(viewer.tenant, userId);
      for (const session of live) await end(viewer.tenant, userId, session.id);
      log.info({ tenant: viewer.tenant, user: userId, sessions: live.length }, 'tokens of a user taken back');
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
