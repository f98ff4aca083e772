/** The store of users' lists of conversations, and of a tenant's list of rooms. */
import type { ConversationId, ConversationKind, ListedConversation, TenantId, UserId } from '../../model.ts';

/** The sort key of an entry in a user's list. */
export interface ListSortKey {
  readonly isPinned: boolean;
  readonly activity: number;
  readonly id: ConversationId;
}

export interface ListQuery {
  /** Null: of every kind. */
  readonly kind: ConversationKind | null;
  /** Null: archived or not. */
  readonly isArchived: boolean | null;
  /** Unread: messages past the read position, or marked unread by the user. Null: both. */
  readonly isUnread: boolean | null;
  /** Pinned ones first, or by activity only. */
  readonly order: 'pins' | 'activity';
  /** Null: from the first. */
  readonly after: ListSortKey | null;
  readonly limit: number;
}

export interface ListPage {
  readonly entries: readonly ListedConversation[];
  /** The number of selected entries on all pages. */
  readonly totalCount: number;
}

/** A user's change of an entry of their list. */
export type ListEntryChange =
  | { readonly isPinned: boolean }
  | { readonly isArchived: boolean }
  | { readonly mutedUntil: number | null }
  | { readonly isMarkedUnread: true }
  /** Hidden until its next message. Announced on the user's channel of memberships. */
  | { readonly isHidden: true };

/**
 * Each user's list of the conversations they are a member of.
 *
 * The conversations are authoritative, and the list is derived from them: the effect of an answered operation shows in
 * every later read of the list, on every node. An entry moves forward only, by (activity, sequence). A new message
 * takes a conversation out of the archive and out of hiding, and reading it clears the unread mark. The cost of a read
 * does not depend on the length of the list.
 */
export interface ListStore {
  /** A page, latest activity first, then by id. */
  listConversations(tenant: TenantId, userId: UserId, query: ListQuery): Promise<ListPage>;
  /** In the order asked; null for conversations that are not in the list, or hidden. */
  readListed(tenant: TenantId, userId: UserId, ids: readonly ConversationId[]): Promise<(ListedConversation | null)[]>;
  /**
   * Hidden conversations, each with its last sequence when it was hidden. One that has a newer message may be among
   * them.
   */
  listHidden(tenant: TenantId, userId: UserId): Promise<ReadonlyMap<ConversationId, number>>;
  /** Messages past the user's read positions in the whole list. */
  countUnread(tenant: TenantId, userId: UserId): Promise<number>;
  /** Null: the user is not a member. */
  changeListed(
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    change: ListEntryChange,
  ): Promise<ListedConversation | null>;
}

/** The sort key of a room in its tenant's list: by its search name (`room-name.ts`), then by id. */
export interface RoomSortKey {
  readonly name: string;
  readonly id: ConversationId;
}

export interface RoomQuery {
  /** Only rooms whose search name begins with this text; empty: all. */
  readonly search: string;
  readonly after: RoomSortKey | null;
  readonly limit: number;
}

export interface RoomStore {
  /** Rooms of a tenant in the order of their names. The cost of a page does not depend on their number. */
  listRooms(tenant: TenantId, query: RoomQuery): Promise<RoomSortKey[]>;
}
