/** A user's list of conversations, in pages, with the user's own settings; and the rooms of a tenant. */
import { requireSelf } from '../access/rights.ts';
import { findRooms, keepAs, type OpenRoom, type SeenConversation, type SeenEntry, seeListOf } from '../access/seen.ts';
import type { Clock } from '../clock.ts';
import type { Engine, ListEntryChange, ListSortKey, RoomSortKey } from '../engine/port.ts';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, ConversationKind, UserId, Viewer } from '../model.ts';
import { decodeConversationCursor, decodeInboxCursor, decodeRoomCursor } from './cursor.ts';
import { identifier, optional, pageSize, text } from './input.ts';
import type { PageEnds } from './message-reads.ts';

export interface UserConversationsPage {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly kind?: ConversationKind | null | undefined;
}

export interface InboxPageRequest {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly filter?:
    | {
        readonly kind?: ConversationKind | null | undefined;
        readonly unread?: boolean | null | undefined;
        readonly archived?: boolean | null | undefined;
      }
    | null
    | undefined;
}

export interface InboxPage extends PageEnds {
  readonly entries: readonly SeenEntry[];
  readonly totalCount: number;
}

export interface RoomRequest {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly search?: string | null | undefined;
}

/** A room and its sort key. */
export type ListedRoom = OpenRoom & { readonly sortKey: RoomSortKey };

export interface RoomPage extends PageEnds {
  readonly rooms: readonly ListedRoom[];
}

/** Settings that stay until the viewer changes them. */
type Kept = Exclude<ListEntryChange, { readonly mutedUntil: number | null }>;

export interface ConversationLists {
  /** A page of a user's inbox. @throws {ServiceError} FORBIDDEN for others. */
  inboxOf(viewer: Viewer, userId: UserId, request: InboxPageRequest): Promise<InboxPage>;
  /** Changes the viewer's own settings of a conversation. */
  keep(viewer: Viewer, id: string, change: Kept): Promise<SeenEntry>;
  /** Null: ends the mute. @throws {ServiceError} BAD_USER_INPUT for a time that has passed. */
  mute(viewer: Viewer, id: string, until: number | null): Promise<SeenEntry>;
  rooms(viewer: Viewer, request: RoomRequest): Promise<RoomPage>;
  /** A page of a user's conversations, archived ones among them. @throws {ServiceError} FORBIDDEN for others. */
  pageOf(viewer: Viewer, userId: UserId, page: UserConversationsPage): Promise<SeenConversation[]>;
  /** Unread messages over the whole list of a user. @throws {ServiceError} FORBIDDEN for others. */
  unreadOf(viewer: Viewer, userId: UserId): Promise<number>;
}

/** The sort key after which a page begins: that of the cursor, or the current one of a conversation. */
async function sortKeyAfter(engine: Engine, viewer: Viewer, userId: UserId, cursor: string): Promise<ListSortKey> {
  const sortKey = decodeConversationCursor(cursor);
  if (sortKey) return { ...sortKey, isPinned: false };
  const id = identifier<ConversationId>(cursor, 'after');
  const [listed] = await engine.readListed(viewer.tenant, userId, [id]);
  if (!listed) throw badInput('after: must be a cursor of this list.');
  return { isPinned: listed.isPinned, activity: listed.activity, id };
}

export function createConversationLists(engine: Engine, clock: Clock): ConversationLists {
  /** An entry as of now. A mute ends by itself, and its end is not stored. */
  function asOfNow(entry: SeenEntry): SeenEntry {
    const { mutedUntil } = entry.listed;
    if (mutedUntil === null || mutedUntil > clock.now()) return entry;
    return { ...entry, listed: { ...entry.listed, mutedUntil: null } };
  }

  const keep = async (viewer: Viewer, id: string, change: ListEntryChange): Promise<SeenEntry> =>
    asOfNow(await keepAs(engine, viewer, identifier<ConversationId>(id, 'id'), change));

  return {
    async inboxOf(viewer, userId, { first, after, filter }) {
      requireSelf(viewer, userId);
      const { entries, totalCount, isLast } = await seeListOf(engine, viewer, userId, {
        kind: filter?.kind ?? null,
        isArchived: filter?.archived === undefined ? false : filter.archived,
        isUnread: filter?.unread ?? null,
        order: 'pins',
        after: optional(after, decodeInboxCursor),
        limit: pageSize(first ?? LIMITS.defaultPageSize, 'first'),
      });
      const hasPreviousPage = (after ?? null) !== null;
      return { entries: entries.map(asOfNow), totalCount, hasNextPage: !isLast, hasPreviousPage };
    },

    keep,

    async mute(viewer, id, until) {
      if (until !== null && until <= clock.now()) throw badInput('until: must be in the future.');
      return keep(viewer, id, { mutedUntil: until });
    },

    async rooms({ tenant }, { first, after, search }) {
      const limit = pageSize(first ?? LIMITS.defaultPageSize, 'first');
      const clean = optional(search || null, (value) => text(value, 'search', 1, LIMITS.roomNameCharacters)) ?? '';
      const sortKey = optional(after, decodeRoomCursor);
      const found = await engine.listRooms(tenant, { search: clean, after: sortKey, limit: limit + 1 });
      const page = found.slice(0, limit);
      const rooms = await findRooms(engine, tenant, page);
      return {
        rooms: page.flatMap((each, index) => (rooms[index] ? [{ ...rooms[index], sortKey: each }] : [])),
        hasNextPage: found.length > limit,
        hasPreviousPage: sortKey !== null,
      };
    },

    async pageOf(viewer, userId, { first, after, kind }) {
      requireSelf(viewer, userId);
      const limit = pageSize(first ?? LIMITS.defaultPageSize, 'first');
      const { entries } = await seeListOf(engine, viewer, userId, {
        kind: kind ?? null,
        isArchived: null,
        isUnread: null,
        order: 'activity',
        after: await optional(after, (cursor) => sortKeyAfter(engine, viewer, userId, cursor)),
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
