/** The store of messages that are read while they are written. */
import type { ConversationId, MessageId, MessageRecord, MessageState, TenantId, UserId } from '../../model.ts';
import type { Append, NewMessage } from './messages.ts';
import type { Refusal } from './refusal.ts';

export interface NewWriting extends NewMessage {
  /** Whether its text is not shown before it is finished. */
  readonly isHeld: boolean;
}

/** A message that is being written, with its text so far, shown or held. */
export interface Writing {
  readonly message: MessageRecord;
  readonly isHeld: boolean;
  readonly isStopRequested: boolean;
}

/** The writer of a message: its sender, who must be a member, or the service that started it for them. */
export interface Writer {
  readonly senderId: UserId;
  readonly via?: UserId | undefined;
}

export interface NewText extends Writer {
  /** The length that the writer knows of, in code points. */
  readonly offset: number;
  /** Empty: a sign of life. */
  readonly text: string;
  /** Undefined: as it is. */
  readonly payload: unknown;
  /** Of appends to one message, on the average; after quiet, those of a second at once. 0: no limit. */
  readonly paceMs: number;
  /** From this append on its text is not shown before it is finished; what was shown is taken back. */
  readonly isHeld?: boolean;
}

export type TextAppend =
  /** `repeated`: it was there already. */
  | { readonly outcome: 'appended' | 'repeated'; readonly length: number; readonly isStopRequested: boolean }
  | { readonly outcome: 'misplaced' | 'too-long'; readonly length: number }
  | { readonly outcome: 'ended'; readonly message: MessageRecord }
  | { readonly outcome: 'too-often'; readonly retryAfterMs: number }
  | Refusal<'not-found' | 'not-sender' | 'not-member'>;

export interface WritingEnd extends Writer {
  readonly state: Exclude<MessageState, 'STREAMING'>;
  /** The length of the text that this was decided on; null: whatever it is. */
  readonly length: number | null;
  /** In place of the text that was written; null: that. */
  readonly content: string | null;
  /** Undefined: as it is. */
  readonly payload: unknown;
}

export type WritingFinish =
  | { readonly outcome: 'finished' | 'ended'; readonly message: MessageRecord }
  | { readonly outcome: 'misplaced'; readonly length: number }
  | Refusal<'not-found' | 'not-sender' | 'not-member'>;

/** About `LIMITS.readingBytes` of the messages that are being written in a conversation. */
export interface WritingPage {
  readonly messages: readonly MessageRecord[];
  /** The sequence past which there are more; null: there are none. */
  readonly next: number | null;
}

/**
 * Messages that are read while they are written (G20).
 *
 * Every reading, here and in `MessageStore`, shows the text so far, and notices who has been
 * silent for `TIMES.writingMs`: their messages are ABORTED from then on, in the log as well.
 */
export interface WritingStore {
  /**
   * Appends a message that is STREAMING, as `appendMessage` does. Whoever asked to stop
   * what replies to its target, lately, is heard. `full`: too many are being written, in all or by this writer.
   */
  startMessage(tenant: TenantId, message: NewWriting): Promise<Append | Refusal<'full'>>;
  /** Adds text at the end and announces it, if the end is at `offset`. The log has no entry of it. */
  appendText(tenant: TenantId, id: MessageId, text: NewText): Promise<TextAppend>;
  /** Ends the writing: FINISHED in the log. */
  finishMessage(tenant: TenantId, id: MessageId, end: WritingEnd): Promise<WritingFinish>;
  /**
   * Asks to stop the message, or all that reply to it: now, and those that are started
   * within `TIMES.stopMs`. Answers how many are asked to now; null: there is no such message.
   */
  requestStop(tenant: TenantId, id: MessageId): Promise<number | null>;
  /** Of one message, for its writer, its text included also where it is held; null when they are not writing it. */
  readWriting(tenant: TenantId, id: MessageId, writer: Writer): Promise<Writing | null>;
  /** The messages being written in a conversation past a sequence, in order; held ones without their text. */
  listWritings(tenant: TenantId, id: ConversationId, after: number): Promise<WritingPage>;
}
