/** Starts sessions. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { ServiceError, unauthenticated } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { DeviceId, SessionId, SessionLifetimes, SessionRecord, SessionTokens, Viewer } from '../model.ts';
import { displayName, identifier, optional } from './input.ts';
import { hashOf, newSecret } from './refresh-token.ts';
import { scopesOf, type TokensOf } from './session-tokens.ts';
import type { StoredSessions } from './stored-sessions.ts';

export interface NewSession {
  readonly deviceId: string;
  readonly deviceName?: string | null | undefined;
}

export interface SessionStartParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifetimes: SessionLifetimes;
  readonly stored: StoredSessions;
  readonly tokensOf: TokensOf;
}

export type StartSession = (viewer: Viewer, request: NewSession, userAgent: string | null) => Promise<SessionTokens>;

/** The record of a session that begins now. */
function newSession(
  viewer: Viewer,
  { deviceId, deviceName }: { readonly deviceId: DeviceId; readonly deviceName: string | null },
  userAgent: string | null,
  { now, expiresAt, secret }: { readonly now: number; readonly expiresAt: number; readonly secret: string },
): SessionRecord {
  return {
    id: randomBytes(16).toString('base64url') as SessionId,
    userId: viewer.userId,
    deviceId,
    deviceName,
    userAgent: userAgent?.slice(0, LIMITS.userAgentCharacters) ?? null,
    scope: scopesOf([...viewer.scopes].join(' ')).join(' '),
    topics: viewer.topics,
    createdAt: now,
    lastSeenAt: now,
    expiresAt,
    revokedAt: null,
    currentHash: hashOf(secret),
    previousHash: '',
    nonce: '',
    rotatedAt: now,
    usedHashes: [],
    version: 1,
  };
}

export function createStartSession(parts: SessionStartParts): StartSession {
  const { engine, clock, log, lifetimes, stored, tokensOf } = parts;
  return async (viewer, request, userAgent) => {
    if (viewer.sessionId !== null)
      throw new ServiceError('FORBIDDEN', 'A session can only be created with a token of the platform.');
    const { tenant, userId } = viewer;
    const deviceId = identifier<DeviceId>(request.deviceId, 'deviceId');
    const deviceName = optional(request.deviceName, (value) => displayName(value, 'deviceName'));
    const now = clock.now();
    const known = await stored.readAll(tenant, userId);
    const gone = known.filter(
      ({ expiresAt, revokedAt }) => expiresAt <= now || (revokedAt ?? now) + lifetimes.accessTokenMs * 2 <= now,
    );
    const live = known.filter(({ expiresAt, revokedAt }) => expiresAt > now && revokedAt === null);
    // The oldest session is dropped for a new one.
    for (const { id } of live.slice(LIMITS.sessionsPerUser - 1)) await stored.end(tenant, userId, id);
    const secret = newSecret();
    const session = newSession(viewer, { deviceId, deviceName }, userAgent, {
      now,
      expiresAt: stored.endOf(now, now),
      secret,
    });
    const tokens = await tokensOf(tenant, session, secret);
    await engine.writeSession(
      tenant,
      session,
      gone.map(({ id }) => id),
    );
    // Covers a revocation during the creation: either this read sees it, or the revocation sees the session.
    if (await stored.isTokenRefused(viewer)) {
      await stored.end(tenant, userId, session.id);
      throw unauthenticated('REVOKED');
    }
    log.info({ tenant, user: userId, session: session.id }, 'session begun');
    return tokens;
  };
}
