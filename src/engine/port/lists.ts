/** The store of users' lists of conversations, and of a tenant's list of rooms. */
import type { ConversationId, ConversationKind, ListedConversation, TenantId, UserId } from '../../model.ts';

/** Where an entry is in a user's list. */
export interface ListPlace {
  readonly isPinned: boolean;
  readonly activity: number;
  readonly id: ConversationId;
}

export interface ListQuery {
  /** Null: of every kind. */
  readonly kind: ConversationKind | null;
  /** Null: archived or not. */
  readonly isArchived: boolean | null;
  /** By messages past the read position, or marked so by the user. Null: unread or not. */
  readonly isUnread: boolean | null;
  /** Pinned ones first, or by activity only. */
  readonly order: 'pins' | 'activity';
  /** Null: from the first. */
  readonly after: ListPlace | null;
  readonly limit: number;
}

export interface ListPage {
  readonly entries: readonly ListedConversation[];
  /** Of all that the query asks for, on whatever page. */
  readonly totalCount: number;
}

/** A user's change of an entry of their list. */
export type ListChange =
  | { readonly isPinned: boolean }
  | { readonly isArchived: boolean }
  | { readonly mutedUntil: number | null }
  | { readonly isMarkedUnread: true }
  /** Not listed until its next message. */
  | { readonly isHidden: true };

/**
 * Each user's list of the conversations they are a member of.
 *
 * The conversations are the truth, and the list is kept beside them: what an operation has
 * answered shows in whatever of a list is asked for after it, on every node. An entry moves forward
 * only, by (activity, sequence). A new message takes a conversation out of the archive and out of
 * hiding, and reading one takes away that it was marked unread. Reading costs the same however long the list is.
 */
export interface ListStore {
  /** A page, latest activity first; of the same activity by id. */
  listConversations(tenant: TenantId, userId: UserId, query: ListQuery): Promise<ListPage>;
  /** In the order asked; null for what is not in the list, or hidden. */
  readListed(tenant: TenantId, userId: UserId, ids: readonly ConversationId[]): Promise<(ListedConversation | null)[]>;
  /** Messages past the user's read positions in all that is listed. */
  countUnread(tenant: TenantId, userId: UserId): Promise<number>;
  /** Null: the user is not a member. */
  changeListed(
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    change: ListChange,
  ): Promise<ListedConversation | null>;
}

/** Where a room is in its tenant's list: by the name it is found by (`room-name.ts`), then by id. */
export interface RoomPlace {
  readonly name: string;
  readonly id: ConversationId;
}

export interface RoomQuery {
  /** Rooms whose name begins so; empty: all. */
  readonly search: string;
  readonly after: RoomPlace | null;
  readonly limit: number;
}

export interface RoomStore {
  /** Rooms of a tenant in the order of their names. A page costs the same however many there are. */
  listRooms(tenant: TenantId, query: RoomQuery): Promise<RoomPlace[]>;
}
