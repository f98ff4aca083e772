/** A user's list of conversations, and up to where a reader of all of them has everything. */
import type { ConversationKind } from './conversations.ts';
import type { ConversationId, UserId } from './ids.ts';
import type { Position } from './position.ts';
import type { Viewer } from './viewer.ts';

/** In a conversation that a checkpoint names. */
export interface CheckpointPoint {
  readonly position: Position;
  /** Of the conversation, as it was told last. */
  readonly version: number;
}

/** Up to where a reader of an inbox has everything. */
export interface InboxPlace {
  /** All that was written up to then, by the engine's clock, … */
  readonly time: number;
  /** … what happened to the list up to here, … */
  readonly list: Position;
  /** … and of these conversations all up to where they are said to be, and nothing behind it. */
  readonly points: ReadonlyMap<ConversationId, CheckpointPoint>;
}

/** Where a reader of an inbox is told to be. */
export interface CheckpointRecord {
  readonly isLive: boolean;
  /** The owner of the inbox. */
  readonly viewer: Viewer;
  readonly place: InboxPlace;
}

/** Where a reader of an inbox comes back to; of a conversation it can be asked whether it is named. */
export type InboxReturn = Omit<InboxPlace, 'points'> & {
  pointOf(id: ConversationId): CheckpointPoint | undefined;
};

/** A conversation as it is in a user's list: what the list is ordered by, and what the user keeps of it. */
export interface ListedConversation {
  readonly conversationId: ConversationId;
  readonly kind: ConversationKind;
  /** When the last message was sent; before the first, when it was created. */
  readonly activity: number;
  readonly lastSequence: number;
  readonly readSequence: number;
  readonly isPinned: boolean;
  readonly isArchived: boolean;
  readonly isMarkedUnread: boolean;
  /** Null: not muted. May lie in the past. */
  readonly mutedUntil: number | null;
  /** The other user of a DIRECT conversation. */
  readonly peer: UserId | null;
}
