/** The store of messages that are read while they are written. */
import type { ConversationId, MessageId, MessageRecord, MessageState, TenantId, UserId } from '../../model.ts';
import type { Append, NewMessage } from './messages.ts';
import type { Refusal } from './refusal.ts';

export interface NewWriting extends NewMessage {
  /** Whether its text is hidden until it is finished. */
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
  /** The length of the text as the writer knows it, in code points. */
  readonly offset: number;
  /** Empty: a keep-alive. */
  readonly text: string;
  /** Undefined: unchanged. */
  readonly payload: unknown;
  /** The average pace of appends to one message; after quiet, those of a second at once. 0: no limit. */
  readonly paceMs: number;
  /** From this append on its text is hidden until it is finished; text already shown is taken back. */
  readonly isHeld?: boolean;
}

export type TextAppend =
  /** `repeated`: the text was there already. */
  | { readonly outcome: 'appended' | 'repeated'; readonly length: number; readonly isStopRequested: boolean }
  | { readonly outcome: 'misplaced' | 'too-long'; readonly length: number }
  | { readonly outcome: 'ended'; readonly message: MessageRecord }
  | { readonly outcome: 'too-often'; readonly retryAfterMs: number }
  | Refusal<'not-found' | 'not-sender' | 'not-member'>;

export interface WritingEnd extends Writer {
  readonly state: Exclude<MessageState, 'STREAMING'>;
  /** The length of the text that this decision is based on; null: any. */
  readonly length: number | null;
  /** Replaces the written text; null: keeps it. */
  readonly content: string | null;
  /** Undefined: unchanged. */
  readonly payload: unknown;
}

export type WritingFinish =
  | { readonly outcome: 'finished' | 'ended'; readonly message: MessageRecord }
  | { readonly outcome: 'misplaced'; readonly length: number }
  | Refusal<'not-found' | 'not-sender' | 'not-member'>;

/** About `LIMITS.readingBytes` of the messages that are being written in a conversation. */
export interface WritingPage {
  readonly messages: readonly MessageRecord[];
  /** The sequence past which there are more; null: none. */
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
   * Appends a message that is STREAMING, as `appendMessage` does. A recent request to stop
   * replies to its target applies. `full`: too many are being written, in all or by this writer.
   */
  startMessage(tenant: TenantId, message: NewWriting): Promise<Append | Refusal<'full'>>;
  /** Adds text at the end and announces it, if the end is at `offset`. The log gets no entry. */
  appendText(tenant: TenantId, id: MessageId, text: NewText): Promise<TextAppend>;
  /** Ends the writing: FINISHED in the log. */
  finishMessage(tenant: TenantId, id: MessageId, end: WritingEnd): Promise<WritingFinish>;
  /**
   * Asks to stop the message, or all that reply to it: now, and those that are started
   * within `TIMES.stopMs`. Returns the number of messages asked now; null: there is no such message.
   */
  requestStop(tenant: TenantId, id: MessageId): Promise<number | null>;
  /** The state of one message for its writer, with its text even when it is held; null when they are not its writer. */
  readWriting(tenant: TenantId, id: MessageId, writer: Writer): Promise<Writing | null>;
  /** The messages being written in a conversation past a sequence, in order; held ones without their text. */
  listWritings(tenant: TenantId, id: ConversationId, after: number): Promise<WritingPage>;
}
