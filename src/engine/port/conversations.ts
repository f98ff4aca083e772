/** The store of conversations, their members and read positions. */
import type {
  ConversationId,
  ConversationKind,
  ConversationRecord,
  MemberRecord,
  MemberRole,
  Membership,
  ReadReceiptRecord,
  TenantId,
  UserId,
} from '../../model.ts';
import type { ListEvent } from '../shared/user-log.ts';
import type { Refusal } from './refusal.ts';

/** Why a user is no longer in a conversation. */
export type LeaveReason = Exclude<ListEvent, 'JOINED'>;

/** A read position that moved. */
export type ReadMove = Pick<ReadReceiptRecord, 'userId' | 'sequence' | 'readAt'>;

export interface NewConversation {
  readonly id: ConversationId;
  readonly name: string | null;
  readonly kind: ConversationKind;
  readonly createdBy: UserId;
  /** The first members with their roles, in order; without repeats. */
  readonly members: readonly { readonly userId: UserId; readonly role: MemberRole }[];
}

export type MembershipChange =
  | { readonly outcome: 'changed' | 'unchanged'; readonly conversation: ConversationRecord }
  | Refusal<'not-found' | 'full' | 'last-owner' | 'not-allowed'>;

/**
 * The member who changes another, and the role they need. Checked in the same step, since a concurrent change may take
 * the role away: of two members who remove each other at once, one is removed.
 */
export interface Actor {
  readonly userId: UserId;
  readonly least: MemberRole;
}

/** The user began or joined as many conversations as allowed. */
export type QuotaFull = Refusal<'quota-full'>;

/** A conversation with this id was deleted recently, so the id is not available yet. */
export type Gone = Refusal<'gone'>;

export type Creation =
  | { readonly outcome: 'created' | 'exists'; readonly conversation: ConversationRecord }
  | QuotaFull
  | Gone;

export type ReadChange =
  | { readonly outcome: 'changed' | 'unchanged'; readonly conversation: ConversationRecord }
  | Refusal<'not-member' | 'past-head'>;

export interface ConversationStore {
  /**
   * Creates the conversation unless its id is taken; `exists` returns the existing one.
   *
   * It counts as begun by `createdBy`, and does not count for the other members (G18).
   */
  createConversation(tenant: TenantId, conversation: NewConversation): Promise<Creation>;
  /** In the order asked; null for unknown ids. */
  readConversations(tenant: TenantId, ids: readonly ConversationId[]): Promise<(ConversationRecord | null)[]>;
  /** In the order asked; null where the user is not a member. */
  readMemberships(
    tenant: TenantId,
    keys: readonly { readonly conversationId: ConversationId; readonly userId: UserId }[],
  ): Promise<(Membership | null)[]>;
  /** All of a user's conversations, in no order. */
  listConversationIds(tenant: TenantId, userId: UserId): Promise<ConversationId[]>;
  renameConversation(tenant: TenantId, id: ConversationId, name: string | null): Promise<MembershipChange>;
  /** Adds users who are not members yet, all or none; `full` past the cap of members. */
  addMembers(
    tenant: TenantId,
    id: ConversationId,
    userIds: readonly UserId[],
    role: MemberRole,
  ): Promise<MembershipChange>;
  /** Adds a user at their own request, as a MEMBER; counts as joined by them. */
  joinConversation(tenant: TenantId, id: ConversationId, userId: UserId): Promise<MembershipChange | QuotaFull>;
  /**
   * Removes a member; the longest-standing member follows the last owner. Owners remove
   * anyone, other actors those below them, a MEMBER themselves. No actor: an admin.
   */
  removeMember(tenant: TenantId, id: ConversationId, userId: UserId, actor: Actor | null): Promise<MembershipChange>;
  /** Sets a member's role; `last-owner` when none would be left. No actor: an admin. */
  setMemberRole(
    tenant: TenantId,
    id: ConversationId,
    userId: UserId,
    role: MemberRole,
    actor: Actor | null,
  ): Promise<MembershipChange>;
  /**
   * Deletes a conversation with its messages; announced as a departure of all its members. Its id stays taken for
   * `TIMES.idempotencyMs`. No actor: an admin.
   */
  deleteConversation(
    tenant: TenantId,
    id: ConversationId,
    actor: Actor | null,
  ): Promise<'deleted' | 'not-found' | 'not-allowed'>;
  /** Members with an ordinal above `after`, by ordinal. */
  listMembers(tenant: TenantId, id: ConversationId, after: number, limit: number): Promise<MemberRecord[]>;
  /** Moves the read position forward, never back. */
  markRead(tenant: TenantId, id: ConversationId, userId: UserId, sequence: number): Promise<ReadChange>;
  /** Members with an ordinal above `after` who have read anything since they joined, by ordinal. */
  listReadReceipts(tenant: TenantId, id: ConversationId, after: number, limit: number): Promise<ReadReceiptRecord[]>;
}
