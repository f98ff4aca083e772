/** A user's conversations as a list: latest activity first, in pages. */
import { requireSelf } from '../access/rights.ts';
import { type SeenConversation, seeListOf } from '../access/seen.ts';
import type { Engine, ListPlace } from '../engine/port.ts';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, ConversationKind, UserId, Viewer } from '../model.ts';
import { decodeConversationCursor } from './cursor.ts';
import { identifier, optional, pageSize } from './input.ts';

export interface UserConversationsPage {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly kind?: ConversationKind | null | undefined;
}

export interface ConversationLists {
  /** A page of a user's conversations, archived ones among them. @throws {ServiceError} FORBIDDEN for others. */
  pageOf(viewer: Viewer, userId: UserId, page: UserConversationsPage): Promise<SeenConversation[]>;
  /** Unread messages over all that is in a user's list. @throws {ServiceError} FORBIDDEN for others. */
  unreadOf(viewer: Viewer, userId: UserId): Promise<number>;
}

export function createConversationLists(engine: Engine): ConversationLists {
  /** Where a page begins that goes on behind a cursor, or behind an id where that conversation is now. */
  async function placeOf(viewer: Viewer, userId: UserId, cursor: string): Promise<ListPlace> {
    const place = decodeConversationCursor(cursor);
    if (place) return { ...place, isPinned: false };
    const id = identifier<ConversationId>(cursor, 'after');
    const [listed] = await engine.readListed(viewer.tenant, userId, [id]);
    if (!listed) throw badInput('after: not one of the user’s conversations.');
    return { isPinned: listed.isPinned, activity: listed.activity, id };
  }

  return {
    async pageOf(viewer, userId, { first, after, kind }) {
      requireSelf(viewer, userId);
      const limit = pageSize(first ?? LIMITS.defaultPageSize, 'first');
      const { entries } = await seeListOf(engine, viewer, userId, {
        kind: kind ?? null,
        isArchived: null,
        isUnread: null,
        order: 'activity',
        after: await optional(after, (cursor) => placeOf(viewer, userId, cursor)),
        limit,
      });
      return entries.map(({ conversation }) => conversation);
    },

    async unreadOf(viewer, userId) {
      requireSelf(viewer, userId);
      return engine.countUnread(viewer.tenant, userId);
    },
  };
}
