/**
 * The log of changes of each user's list of conversations, stored beside the list.
 *
 * The logs of conversations contain what happened in them. Only this log says that a user joined or left one, so a
 * returning client knows which conversations to read.
 */
import type { ExpiryReason } from '../../errors.ts';
import type { ConversationId, Position, TenantId, UserId } from '../../model.ts';

/** DELETED: the conversation was deleted with its messages. */
export type ListEvent = 'JOINED' | 'LEFT' | 'REMOVED' | 'DELETED';

export interface UserLogEntry extends Position {
  readonly conversationId: ConversationId;
  /** Null: only a newer version knows it. Readers skip the entry. */
  readonly event: ListEvent | null;
}

export type UserLogPage =
  | { readonly outcome: 'read'; readonly entries: readonly UserLogEntry[]; readonly head: Position }
  /** Anything may have happened since, so the list must be read again. */
  | { readonly outcome: 'expired'; readonly reason: ExpiryReason };

/**
 * An entry is written in one step with the list: a reader that finds a conversation in the list, or gets an
 * announcement of a change of membership, also finds it in the log. Leaving and joining again before the list is
 * updated makes one entry or none: the last entry of a conversation shows whether it is in the list. The latest
 * `LIMITS.userLogEntries` are kept. A log that lost its end continues in another epoch (G04).
 */
export interface UserLogStore {
  /** Up to `limit` entries past a position; `after` null: no entries, only the log's position. */
  readUserLog(tenant: TenantId, userId: UserId, after: Position | null, limit: number): Promise<UserLogPage>;
}
