/** Messages, what happens to them, and text that is read while it is written. */
import type { ConversationId, MessageId, UserId } from './ids.ts';
import type { Position } from './position.ts';

export interface ReactionRecord {
  readonly emoji: string;
  readonly userIds: readonly UserId[];
}

/** How far a message is: one that is read while it is written is STREAMING until its sender finishes it, or is silent. */
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
  /** The service that sent it for its sender. Left out: the sender did, as of all messages of earlier versions. */
  readonly via?: UserId;
  /** Left out: it is not deleted, a routing rule dropped it, or an earlier version deleted it. */
  readonly deletedBy?: UserId;
  /** Left out: COMPLETE, as all messages were before some were written while they are read. */
  readonly state?: Exclude<MessageState, 'COMPLETE'>;
  /** Where it last changed; in an event, that event's place. */
  readonly position: Position;
}

/** Text that was added to a message while it is written. Lengths and offsets are in Unicode code points. */
export interface TextExtension {
  readonly messageId: MessageId;
  /** The length before. */
  readonly offset: number;
  readonly text: string;
  /** The length with it. */
  readonly length: number;
  /** The message's new payload; left out: as before. */
  readonly payload?: unknown;
}

/**
 * Announced when the text of a message is held from now on: an empty extension, which no append is.
 * Readers then read the shown text. For a node of an earlier version it changes nothing.
 */
export const WITHHELD = { offset: 0, text: '', length: 0 } as const;

export const isWithheld = ({ text, payload }: TextExtension): boolean => text === '' && payload === undefined;

/** A change of a message. */
export type MessageChange = 'SENT' | 'EDITED' | 'DELETED' | 'REACTED' | 'FINISHED';
