/** The store of sessions and of revoked tokens. */
import type { SessionId, SessionRecord, TenantId, UserId } from '../../model.ts';

export interface SessionStore {
  /** A user's sessions in no order, or the one of an id; what has expired may still be there. */
  readSessions(tenant: TenantId, userId: UserId, id: SessionId | null): Promise<SessionRecord[]>;
  /** The user of a session, which may have ended. Null: unknown. */
  findSessionUser(tenant: TenantId, id: SessionId): Promise<UserId | null>;
  /**
   * Stores a session whose version is one above the stored one (1: there is none),
   * and forgets others of its user; false when another write came first.
   */
  writeSession(tenant: TenantId, session: SessionRecord, forgotten: readonly SessionId[]): Promise<boolean>;
  /** Up to when a user's tokens are refused; null: none is. */
  readRefusal(tenant: TenantId, userId: UserId): Promise<number | null>;
  /**
   * Refuses a user's tokens of up to an instant, and announces it; one of later stands.
   * Kept for good: nobody knows how long the platform lets its tokens live.
   */
  refuseTokens(tenant: TenantId, userId: UserId, upTo: number): Promise<void>;
}
