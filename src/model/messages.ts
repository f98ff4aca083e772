/** Messages, their changes, and streamed text. */
import type { ConversationId, MessageId, UserId } from './ids.ts';
import type { Position } from './position.ts';

export interface ReactionRecord {
  readonly emoji: string;
  readonly userIds: readonly UserId[];
}

/** The state of a message. A streamed message is STREAMING until its sender finishes it or is silent for too long. */
export type MessageState = 'COMPLETE' | 'STREAMING' | 'ABORTED';

export interface MessageRecord {
  readonly id: MessageId;
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly senderId: UserId;
  readonly content: string;
  readonly payload: unknown;
  readonly timestamp: number;
  readonly clientMessageId: string | null;
  readonly replyToId: MessageId | null;
  readonly reactions: readonly ReactionRecord[];
  readonly editedAt: number | null;
  readonly deletedAt: number | null;
  /**
   * The back end that sent the message on behalf of the sender. Left out: the sender sent it, as all messages of
   * earlier versions.
   */
  readonly via?: UserId;
  /** Left out: not deleted, dropped by a routing rule, or deleted by an earlier version. */
  readonly deletedBy?: UserId;
  /** Left out: COMPLETE, as all messages of versions without streaming. */
  readonly state?: Exclude<MessageState, 'COMPLETE'>;
  /** The position of its last change; in an event, the position of that event. */
  readonly position: Position;
}

/** Text added to a streamed message. Lengths and offsets are in Unicode code points. */
export interface TextExtension {
  readonly messageId: MessageId;
  /** The length before the addition. */
  readonly offset: number;
  readonly text: string;
  /** The length after the addition. */
  readonly length: number;
  /** The message's new payload; left out: as before. */
  readonly payload?: unknown;
}

/**
 * Announced when the text of a message is held back from now on: an empty extension, which no append creates. Readers
 * then read the visible text again. Nodes of an earlier version ignore it.
 */
export const WITHHELD = { offset: 0, text: '', length: 0 } as const;

export const isWithheld = ({ text, payload }: TextExtension): boolean => text === '' && payload === undefined;

/** A change of a message. */
export type MessageChange = 'SENT' | 'EDITED' | 'DELETED' | 'REACTED' | 'FINISHED';
