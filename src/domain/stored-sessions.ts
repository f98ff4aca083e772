/** Stored sessions, read with the current lifetimes. */
import { isRefused } from '../access/revocation.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import type { Log } from '../log.ts';
import type { SessionId, SessionLifetimes, SessionRecord, TenantId, UserId, Viewer } from '../model.ts';
import { isIdentifier } from '../model.ts';
import { latestFirst } from './session-page.ts';

export interface StoredSessions {
  /** The end of a session that is refreshed now. */
  endOf(createdAt: number, now: number): number;
  /** Null: it does not exist, or has expired. */
  readOne(tenant: TenantId, userId: UserId, id: string): Promise<SessionRecord | null>;
  /** Latest first. */
  readAll(tenant: TenantId, userId: UserId): Promise<SessionRecord[]>;
  liveOf(tenant: TenantId, userId: UserId): Promise<SessionRecord[]>;
  /** Whether the tokens of the viewer's user were revoked. */
  isTokenRefused(viewer: Viewer): Promise<boolean>;
  /** Changes the current state of a session, also under concurrent changes. */
  change(
    tenant: TenantId,
    userId: UserId,
    id: SessionId,
    next: (session: SessionRecord) => Partial<SessionRecord> | null,
  ): Promise<SessionRecord | null>;
  end(tenant: TenantId, userId: UserId, id: SessionId): Promise<SessionRecord | null>;
}

export function createStoredSessions(
  engine: Engine,
  clock: Clock,
  log: Log,
  lifetimes: SessionLifetimes,
): StoredSessions {
  const endOf = (createdAt: number, now: number): number =>
    Math.min(now + lifetimes.idleMs, createdAt + lifetimes.maxAgeMs);

  /** The stored end was computed with earlier lifetimes; the settings or the version may have changed since. */
  function asOfNow(session: SessionRecord): SessionRecord {
    return { ...session, expiresAt: Math.min(session.expiresAt, session.createdAt + lifetimes.maxAgeMs) };
  }

  async function readOne(tenant: TenantId, userId: UserId, id: string): Promise<SessionRecord | null> {
    if (!isIdentifier(id)) return null;
    const [session] = await engine.readSessions(tenant, userId, id as SessionId);
    return session && asOfNow(session).expiresAt > clock.now() ? asOfNow(session) : null;
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

  return { endOf, readOne, readAll, liveOf, isTokenRefused, change, end };
}
