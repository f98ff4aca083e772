/** Conversations, their members, and how far these have read. */
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
  /** The head of the log when the user joined: what they may have missed begins here. */
  readonly joinedPosition: Position;
}

export interface ReadReceiptRecord {
  /** Of the member, by which receipts are listed: it does not change while they read. */
  readonly ordinal: number;
  readonly userId: UserId;
  readonly sequence: number;
  readonly readAt: number;
}

/** Of each conversation: how many messages are kept, those up to which age, or all. */
export type Retention = number | { readonly ageMs: number } | null;
