/**
 * Sessions: how long a device stays signed in, and how that ends.
 *
 * A refresh token is used once. It names its session and holds 256 random bits, of
 * which the engine keeps a hash only. The next token is made from the bits of the
 * one presented and a stored nonce, so that a client that repeats its last call is
 * given the same tokens again, which nobody who reads the store could make. A
 * token used before that ends the session: two hold it (RFC 9700 section 4.14).
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isAdmin, requireSelf } from '../access/rights.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  DeviceId,
  Meter,
  SessionId,
  SessionRecord,
  SessionTokens,
  TenantId,
  TopicClaims,
  UserId,
  Viewer,
} from '../model.ts';
import { isIdentifier } from '../model.ts';
import { decodeSessionCursor, type SessionPlace } from './cursor.ts';
import { displayName, identifier, optional, pageSize } from './input.ts';

/** What an access token says. Instants in milliseconds. */
export interface TokenClaims {
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly scope: string;
  readonly topics: TopicClaims;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** The same claims give the same token. */
export type IssueToken = (claims: TokenClaims) => Promise<string>;

export interface NewSession {
  readonly deviceId: string;
  readonly deviceName?: string | null | undefined;
}

export interface SessionPage {
  readonly sessions: readonly SessionRecord[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

const latestFirst = (one: SessionPlace, other: SessionPlace): number =>
  other.createdAt - one.createdAt || (one.id > other.id ? -1 : Number(one.id !== other.id));

/** A page of a user's sessions, which are in that order. */
export function pageOfSessions(
  all: readonly SessionRecord[],
  { first, after }: { readonly first?: number | null | undefined; readonly after?: string | null | undefined },
): SessionPage {
  const most = pageSize(first ?? LIMITS.defaultPageSize, 'first');
  const place = optional(after, decodeSessionCursor);
  const rest = place ? all.filter((session) => latestFirst(place, session) < 0) : all;
  return {
    sessions: rest.slice(0, most),
    hasNextPage: rest.length > most,
    hasPreviousPage: rest.length < all.length,
  };
}

export interface Sessions {
  create(viewer: Viewer, request: NewSession, userAgent: string | null): Promise<SessionTokens>;
  /** @throws {ServiceError} UNAUTHENTICATED for a token that is not good, or no longer. */
  refresh(refreshToken: string, meter: Meter): Promise<SessionTokens & { readonly viewer: Viewer }>;
  /** One of the viewer's own, or, for a tenant admin, anyone's. */
  revoke(viewer: Viewer, id: string): Promise<SessionRecord>;
  /** How many were ended. */
  revokeOthers(viewer: Viewer): Promise<number>;
  /** One of the viewer's own, or, for a tenant admin, anyone's; null when there is none. */
  find(viewer: Viewer, id: string): Promise<SessionRecord | null>;
  /** Latest first. */
  ofUser(viewer: Viewer, userId: UserId): Promise<SessionRecord[]>;
  /** Whether the session of the viewer's token has been ended. Notes that it was seen. */
  isRevoked(viewer: Viewer): Promise<boolean>;
}

interface RefreshToken {
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly id: SessionId;
  readonly secret: string;
}

const PREFIX = 'rt1';
const hash = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
const random = (): string => randomBytes(32).toString('base64url');
const successor = (secret: string, nonce: string): string =>
  createHmac('sha256', secret).update(nonce).digest('base64url');
const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

function encode({ tenant, userId, id, secret }: RefreshToken): string {
  return `${PREFIX}.${Buffer.from(JSON.stringify([tenant, userId, id])).toString('base64url')}.${secret}`;
}

function notGood(): ServiceError {
  return new ServiceError('UNAUTHENTICATED', 'The refresh token is not valid.');
}

function decode(refreshToken: string): RefreshToken {
  const [prefix, place = '', secret = '', ...rest] = refreshToken.slice(0, LIMITS.tokenBytes).split('.');
  if (prefix !== PREFIX || rest.length > 0 || !/^[\w-]{43}$/.test(secret)) throw notGood();
  try {
    const ids: unknown = JSON.parse(Buffer.from(place, 'base64url').toString());
    if (!Array.isArray(ids) || ids.length !== 3 || !ids.every((id) => typeof id === 'string' && isIdentifier(id)))
      throw notGood();
    return { tenant: ids[0] as TenantId, userId: ids[1] as UserId, id: ids[2] as SessionId, secret };
  } catch {
    throw notGood();
  }
}

/** Whether a secret is the session's present one, or the one before it. */
function isHeldBy({ currentHash, previousHash }: SessionRecord, secret: string): boolean {
  const presented = hash(secret);
  return isSame(presented, currentHash) || isSame(presented, previousHash);
}

function viewerOf(tenant: TenantId, session: SessionRecord, expiresAt: number): Viewer {
  const { id: sessionId, userId, scope, topics } = session;
  return { tenant, userId, scopes: new Set(scope.split(' ').filter(Boolean)), topics, sessionId, expiresAt };
}

export function createSessions(engine: Engine, clock: Clock, log: Log, issueToken: IssueToken | null): Sessions {
  async function readOne(tenant: TenantId, userId: UserId, id: string): Promise<SessionRecord | null> {
    if (!isIdentifier(id)) return null;
    const [session] = await engine.readSessions(tenant, userId, id as SessionId);
    return session && session.expiresAt > clock.now() ? session : null;
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
    return all.sort(latestFirst);
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
    if (!issueToken) throw new ServiceError('FORBIDDEN', 'This service issues no tokens: it has no JWT_SECRET.');
    const { id, userId, scope, topics, rotatedAt, expiresAt } = session;
    const seconds = Math.floor(Math.min(rotatedAt + TIMES.accessTokenMs, expiresAt) / 1_000);
    const claims = { tenant, userId, sessionId: id, scope, topics, issuedAt: rotatedAt, expiresAt: seconds * 1_000 };
    return {
      session,
      accessToken: await issueToken(claims),
      accessTokenExpiresAt: claims.expiresAt,
      refreshToken: encode({ tenant, userId, id, secret }),
      refreshTokenExpiresAt: expiresAt,
    };
  }

  /** What a presented secret makes of a session: its successor, or an end. */
  function rotate(session: SessionRecord, secret: string, nonce: string): Partial<SessionRecord> | null {
    const presented = hash(secret);
    const now = clock.now();
    if (session.revokedAt !== null) return null;
    if (isSame(presented, session.currentHash)) {
      return {
        currentHash: hash(successor(secret, nonce)),
        previousHash: presented,
        nonce,
        rotatedAt: now,
        lastSeenAt: now,
        expiresAt: now + TIMES.sessionMs,
        usedHashes: [...session.usedHashes, session.previousHash].slice(-LIMITS.usedRefreshTokens),
      };
    }
    if (isSame(presented, session.previousHash) && now - session.rotatedAt <= TIMES.refreshLeewayMs) return null;
    const wasUsed = [...session.usedHashes, session.previousHash].some((used) => isSame(used, presented));
    return wasUsed ? { revokedAt: now } : null;
  }

  return {
    async create(viewer, request, userAgent) {
      const { tenant, userId } = viewer;
      const deviceId = identifier<DeviceId>(request.deviceId, 'deviceId');
      const deviceName = optional(request.deviceName, (value) => displayName(value, 'deviceName'));
      const now = clock.now();
      const known = await readAll(tenant, userId);
      const gone = known.filter(
        ({ expiresAt, revokedAt }) => expiresAt <= now || (revokedAt ?? now) + TIMES.accessTokenMs * 2 <= now,
      );
      const live = known.filter(({ expiresAt, revokedAt }) => expiresAt > now && revokedAt === null);
      // The one begun first makes room.
      for (const { id } of live.slice(LIMITS.sessionsPerUser - 1)) await end(tenant, userId, id);
      const secret = random();
      const session: SessionRecord = {
        id: randomBytes(16).toString('base64url') as SessionId,
        userId,
        deviceId,
        deviceName,
        userAgent: userAgent?.slice(0, LIMITS.userAgentCharacters) ?? null,
        scope: [...viewer.scopes].join(' '),
        topics: viewer.topics,
        createdAt: now,
        lastSeenAt: now,
        expiresAt: now + TIMES.sessionMs,
        revokedAt: null,
        currentHash: hash(secret),
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
      log.info({ tenant, user: userId, session: session.id }, 'session begun');
      return tokens;
    },

    async refresh(refreshToken, meter) {
      const { tenant, userId, id, secret } = decode(refreshToken);
      const nonce = random();
      let isEnded = false;
      let isCounted = false;
      const session = await change(tenant, userId, id, (known) => {
        // Only of who holds the token of the session: nobody else uses up its user's rate.
        if (!isCounted && isHeldBy(known, secret)) meter.of(viewerOf(tenant, known, known.expiresAt)).count('session');
        isCounted = true;
        const changes = rotate(known, secret, nonce);
        isEnded = changes?.revokedAt !== undefined;
        return changes;
      });
      // Said once: whoever has the token may try it again and again.
      if (isEnded) log.warn({ tenant, user: userId, session: id }, 'refresh token used twice: its session has ended');
      if (!session || session.revokedAt !== null) throw notGood();
      const next = successor(secret, session.nonce);
      // Another's rotation came in between, or the secret was never this session's.
      if (!isSame(hash(next), session.currentHash)) throw notGood();
      const tokens = await tokensOf(tenant, session, next);
      return { ...tokens, viewer: viewerOf(tenant, session, tokens.accessTokenExpiresAt) };
    },

    async revoke(viewer, id) {
      const session = await find(viewer, id);
      const ended = session && (await end(viewer.tenant, session.userId, session.id));
      if (!ended) throw notFound('session');
      return ended;
    },

    async revokeOthers({ tenant, userId, sessionId }) {
      const now = clock.now();
      const others = (await readAll(tenant, userId)).filter(
        ({ id, expiresAt, revokedAt }) => id !== sessionId && revokedAt === null && expiresAt > now,
      );
      for (const { id } of others) await end(tenant, userId, id);
      return others.length;
    },

    find,

    async ofUser(viewer, userId) {
      requireSelf(viewer, userId);
      const now = clock.now();
      return (await readAll(viewer.tenant, userId)).filter(({ expiresAt }) => expiresAt > now);
    },

    async isRevoked({ tenant, userId, sessionId }) {
      if (sessionId === null) return false;
      const session = await readOne(tenant, userId, sessionId);
      // Not one of ours: the platform's own issuer names sessions too.
      if (!session) return false;
      const now = clock.now();
      if (session.revokedAt === null && now - session.lastSeenAt > TIMES.lastSeenMs) {
        await change(tenant, userId, session.id, () => ({ lastSeenAt: now }));
      }
      return session.revokedAt !== null;
    },
  };
}
