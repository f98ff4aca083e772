/** The store of bookmarks: how far sessions of `/ws` have read. */
import type { BookmarkRecord, ConversationId, Position, TenantId, UserId } from '../../model.ts';

export interface BookmarkStore {
  /** Null: nothing was written for this session, or it was forgotten. */
  readBookmark(tenant: TenantId, userId: UserId, session: string): Promise<BookmarkRecord | null>;
  /** Moves positions forward, never back. Kept for the user's sessions written last, for `TIMES.sessionMs`. */
  writeBookmark(
    tenant: TenantId,
    userId: UserId,
    session: string,
    positions: ReadonlyMap<ConversationId, Position>,
  ): Promise<void>;
}
