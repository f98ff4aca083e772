/**
 * A log of what happened to each user's list of conversations, kept beside the list.
 *
 * The conversations' own logs say what happened in them. That a user joined one, or is no longer in
 * one, says this log only: by it whoever comes back knows which conversations to ask.
 */
import type { ExpiryReason } from '../../errors.ts';
import type { ConversationId, Position, TenantId, UserId } from '../../model.ts';

/** DELETED: the conversation was, with its messages. */
export type ListEvent = 'JOINED' | 'LEFT' | 'REMOVED' | 'DELETED';

export interface UserLogEntry extends Position {
  readonly conversationId: ConversationId;
  readonly event: ListEvent;
}

export type UserLogPage =
  | { readonly outcome: 'read'; readonly entries: readonly UserLogEntry[]; readonly head: Position }
  /** Everything may have happened since: the list is to be read anew. */
  | { readonly outcome: 'expired'; readonly reason: ExpiryReason };

/**
 * An entry is written with the list, in one step: a reader that finds a conversation in the list, or gets
 * an announcement of a change of membership, finds that in the log as well. Leaving and joining again before the list
 * is updated makes one entry or none: the last entry of a conversation shows whether it is in the list.
 * The latest `LIMITS.userLogEntries` are kept. A log that lost its end continues in another epoch (G04).
 */
export interface UserLogStore {
  /** Up to `limit` entries past a position; null: none, only where the log is. */
  readUserLog(tenant: TenantId, userId: UserId, after: Position | null, limit: number): Promise<UserLogPage>;
}
