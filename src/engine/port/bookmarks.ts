/** The store of bookmarks: the positions up to which sessions of `/ws` have received messages. */
import type { BookmarkRecord, ConversationId, Position, TenantId, UserId } from '../../model.ts';

export interface BookmarkStore {
  /** Null: nothing is stored for this session, or it has expired. */
  readBookmark(tenant: TenantId, userId: UserId, session: string): Promise<BookmarkRecord | null>;
  /** Moves positions forward, never back. Kept for the user's most recent sessions, for `TIMES.sessionMs`. */
  writeBookmark(
    tenant: TenantId,
    userId: UserId,
    session: string,
    positions: ReadonlyMap<ConversationId, Position>,
  ): Promise<void>;
}
