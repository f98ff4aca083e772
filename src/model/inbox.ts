/** A user's list of conversations, and positions in the user's inbox. */
import type { ConversationKind } from './conversations.ts';
import type { ConversationId, UserId } from './ids.ts';
import type { Position } from './position.ts';
import type { Viewer } from './viewer.ts';

/** The client's position in a conversation that a checkpoint names. */
export interface CheckpointPoint {
  readonly position: Position;
  /** The version of the conversation that was sent last. */
  readonly version: number;
}

/** The position of a client in an inbox. */
export interface InboxPosition {
  /** Everything written up to this time, by the engine's clock, … */
  readonly time: number;
  /** … every change of the list up to this position, … */
  readonly list: Position;
  /** … and, in these conversations, everything up to the given position and nothing after it. */
  readonly points: ReadonlyMap<ConversationId, CheckpointPoint>;
}

/** A checkpoint as it is sent to a client. */
export interface CheckpointRecord {
  readonly isLive: boolean;
  /** The owner of the inbox. */
  readonly viewer: Viewer;
  readonly position: InboxPosition;
}

/** A checkpoint that a client sends to resume. Its conversations can be looked up by id. */
export type InboxReturn = Omit<InboxPosition, 'points'> & {
  pointOf(id: ConversationId): CheckpointPoint | undefined;
};

/** An entry of a user's list: the fields that order the list, and the user's own settings. */
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
