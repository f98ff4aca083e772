/** The store of sessions and of revoked tokens. */
import type { SessionId, SessionRecord, TenantId, UserId } from '../../model.ts';

export interface SessionStore {
  /** A user's sessions in no order, or the one of an id; expired ones may still be included. */
  readSessions(tenant: TenantId, userId: UserId, id: SessionId | null): Promise<SessionRecord[]>;
  /** The user of a session, which may have ended. Null: unknown. */
  findSessionUser(tenant: TenantId, id: SessionId): Promise<UserId | null>;
  /**
   * Stores a session whose version is one above the stored one (1: there is none), and drops the `forgotten` ones;
   * false when another write came first.
   */
  writeSession(tenant: TenantId, session: SessionRecord, forgotten: readonly SessionId[]): Promise<boolean>;
  /** The time up to which a user's tokens are revoked; null: none are. */
  readRefusal(tenant: TenantId, userId: UserId): Promise<number | null>;
  /**
   * Revokes a user's tokens up to an instant, and announces it; a later instant stays.
   * Kept for good, since the lifetime of the platform's tokens is unknown.
   */
  refuseTokens(tenant: TenantId, userId: UserId, upTo: number): Promise<void>;
}
