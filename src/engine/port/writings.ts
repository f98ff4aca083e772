/** The store of streamed messages. */
import type { ConversationId, MessageId, MessageRecord, MessageState, TenantId, UserId } from '../../model.ts';
import type { Append, NewMessage } from './messages.ts';
import type { Refusal } from './refusal.ts';

export interface NewWriting extends NewMessage {
  /** Whether its text is hidden until it is finished. */
  readonly isHeld: boolean;
}

/** A message being written, with its text so far, shown or held. */
export interface Writing {
  readonly message: MessageRecord;
  readonly isHeld: boolean;
  readonly isStopRequested: boolean;
}

/** The writer of a message: its sender, who must be a member, or the back end that started it for the sender. */
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
  /**
   * The average interval between appends to one message; after a pause the appends of one second may come at once. 0:
   * no limit.
   */
  readonly paceMs: number;
  /** From this append on the text is hidden until the finish; visible text is withdrawn. */
  readonly isHeld?: boolean;
}

export type TextAppend =
  /** `repeated`: the text was stored already. */
  | { readonly outcome: 'appended' | 'repeated'; readonly length: number; readonly isStopRequested: boolean }
  | { readonly outcome: 'misplaced' | 'too-long'; readonly length: number }
  | { readonly outcome: 'ended'; readonly message: MessageRecord }
  | { readonly outcome: 'too-often'; readonly retryAfterMs: number }
  | Refusal<'not-found' | 'not-sender' | 'not-member'>;

export interface WritingEnd extends Writer {
  readonly state: Exclude<MessageState, 'STREAMING'>;
  /** The length of the text that the caller saw; null: any. */
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

/** The messages being written in a conversation, up to about `LIMITS.readingBytes`. */
export interface WritingPage {
  readonly messages: readonly MessageRecord[];
  /** The sequence past which there are more; null: none. */
  readonly next: number | null;
}

/**
 * Streamed messages (G20).
 *
 * Every read, here and in `MessageStore`, shows the text so far, and first aborts messages whose writers have been
 * silent for `TIMES.writingMs`, in the log as well.
 */
export interface WritingStore {
  /**
   * Appends a message that is STREAMING, as `appendMessage` does. A recent request to stop replies to its target
   * applies. `full`: too many messages are being written, in all or by this writer.
   */
  startMessage(tenant: TenantId, message: NewWriting): Promise<Append | Refusal<'full'>>;
  /** Adds text at the end and announces it, if the end is at `offset`. The log gets no entry. */
  appendText(tenant: TenantId, id: MessageId, text: NewText): Promise<TextAppend>;
  /** Finishes the message: FINISHED in the log. */
  finishMessage(tenant: TenantId, id: MessageId, end: WritingEnd): Promise<WritingFinish>;
  /**
   * Asks to stop the message, or its replies: those being written, and those started within `TIMES.stopMs`. Returns the
   * number of messages asked now; null: there is no such message.
   */
  requestStop(tenant: TenantId, id: MessageId): Promise<number | null>;
  /** The state of one message for its writer, with its text even when it is held; null for another writer. */
  readWriting(tenant: TenantId, id: MessageId, writer: Writer): Promise<Writing | null>;
  /** The messages being written in a conversation past a sequence, in order; held ones without their text. */
  listWritings(tenant: TenantId, id: ConversationId, after: number): Promise<WritingPage>;
}
