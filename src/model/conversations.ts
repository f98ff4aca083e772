/** Conversations, their members, and the members' read positions. */
import type { ConversationId, UserId } from './ids.ts';
import type { Position } from './position.ts';

export type ConversationKind = 'DIRECT' | 'GROUP' | 'ROOM';
export type MemberRole = 'OWNER' | 'MODERATOR' | 'MEMBER';
/** A higher rank has more rights. */
export const RANKS: Record<MemberRole, number> = { MEMBER: 1, MODERATOR: 2, OWNER: 3 };

export interface ConversationRecord {
  readonly id: ConversationId;
  readonly name: string | null;
  readonly kind: ConversationKind;
  readonly createdAt: number;
  readonly createdBy: UserId;
  readonly lastActivityAt: number | null;
  readonly lastSequence: number;
  readonly memberCount: number;
  /** Rises with each change of name, members and read positions. */
  readonly version: number;
  /** The head of the log. */
  readonly position: Position;
}

export interface MemberRecord {
  readonly userId: UserId;
  readonly role: MemberRole;
  readonly joinedAt: number;
  /** Order of joining, unique in the conversation and never reused. */
  readonly ordinal: number;
}

export interface Membership extends MemberRecord {
  readonly conversationId: ConversationId;
  readonly readSequence: number;
  /** The head of the log when the user joined; events after it are theirs. */
  readonly joinedPosition: Position;
}

export interface ReadReceiptRecord {
  /** The member's ordinal, which orders the receipts since it never changes. */
  readonly ordinal: number;
  readonly userId: UserId;
  readonly sequence: number;
  readonly readAt: number;
}

/** Messages kept of each conversation: a number, those up to an age, or all (null). */
export type Retention = number | { readonly ageMs: number } | null;
