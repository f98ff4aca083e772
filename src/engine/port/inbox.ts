/** What an engine keeps of how far sessions of `/ws` have read. */
import type { ConversationId, InboxRecord, Position, TenantId, UserId } from '../../model.ts';

export interface InboxStore {
  /** Null: nothing was written for this session, or it was forgotten. */
  readInbox(tenant: TenantId, userId: UserId, session: string): Promise<InboxRecord | null>;
  /** Moves positions forward, never back. Kept for the user's sessions written last, for `TIMES.sessionMs`. */
  writeInbox(
    tenant: TenantId,
    userId: UserId,
    session: string,
    positions: ReadonlyMap<ConversationId, Position>,
  ): Promise<void>;
}
