/** The store of messages and of the log of their changes. */
import type { ExpiryReason } from '../../errors.ts';
import type {
  ConversationId,
  MessageChange,
  MessageId,
  MessageRecord,
  Position,
  TenantId,
  UserId,
} from '../../model.ts';
import type { Refusal } from './refusal.ts';

/** Recognises a repeated send by its id. The same id with another digest is a conflict. */
export interface MessageKey {
  readonly id: string;
  readonly digest: string;
}

/** A key with its conversation and sender. */
export interface SentKey {
  readonly conversationId: ConversationId;
  readonly senderId: UserId;
  readonly key: MessageKey;
}

export interface NewMessage {
  readonly conversationId: ConversationId;
  readonly senderId: UserId;
  readonly content: string;
  readonly payload: unknown;
  readonly replyToId: MessageId | null;
  readonly clientMessageId: string | null;
  /** Null: the message is always new. */
  readonly key: MessageKey | null;
  /** The back end that sends it on behalf of the sender. */
  readonly via?: UserId | undefined;
}

/**
 * The outcome of a message that routing rules diverted from its conversation; `messageId`: the resulting message
 * elsewhere.
 */
export interface Diversion {
  readonly fate: 'DROPPED' | 'ROUTED';
  readonly messageId: MessageId | null;
}

/** The stored outcome of a message that was sent before under the same key. */
export type Earlier =
  | { readonly outcome: 'duplicate'; readonly message: MessageRecord }
  | ({ readonly outcome: 'diverted' } & Diversion)
  /** `no-longer-kept`: trimmed by retention since; `conflict`: another message has this key. */
  | Refusal<'no-longer-kept' | 'conflict'>;

export type Append =
  | { readonly outcome: 'appended'; readonly message: MessageRecord }
  | Earlier
  /** `no-reply-target`: no message of the conversation; a repeated send whose target is gone since returns the message. */
  | Refusal<'not-member' | 'no-reply-target'>;

export type MessageEdit =
  | { readonly outcome: 'changed' | 'unchanged'; readonly message: MessageRecord }
  /** `being-written`: only its writer changes the text until it is finished. */
  | Refusal<'not-found' | 'deleted' | 'full' | 'being-written'>;

export interface LogEntry {
  readonly place: number;
  readonly epoch: string;
  /** Null: only a newer version knows it. Readers skip the entry. */
  readonly change: MessageChange | null;
  /** The present message, at this entry's position; null when it is no longer kept. */
  readonly message: MessageRecord | null;
  /** Whether this entry is the last change of the message. */
  readonly isLast: boolean;
}

export type LogPage =
  | {
      readonly outcome: 'read';
      readonly entries: readonly LogEntry[];
      /** Whether these entries reach the head. */
      readonly isWhole: boolean;
      readonly head: Position;
    }
  | { readonly outcome: 'expired'; readonly reason: ExpiryReason }
  | { readonly outcome: 'not-found' };

/** A range of sequences: between two, at most `limit` from the first or the last. */
export interface MessageRange {
  /** 0: from the first stored message. */
  readonly after: number;
  /** Null: to the last. */
  readonly before: number | null;
  readonly limit: number;
  readonly from: 'first' | 'last';
}

/** Messages by sequence, and the retained range of the conversation at that moment. */
export interface KeptMessages {
  readonly messages: readonly MessageRecord[];
  /** Everything between these two is kept; the first is above the last when nothing is kept. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Whether more of the range follows, since it was too long for one read. */
  readonly isPart: boolean;
}

export interface MessageStore {
  /**
   * Appends a message: idempotency, sequence, log and announcement in one.
   *
   * The sender's read position moves to the message, and their typing ends. Membership
   * and the reply's target are checked here so that sending costs one round trip.
   */
  appendMessage(tenant: TenantId, message: NewMessage): Promise<Append>;
  /** The outcome of a message that was sent under this key; null: the key is unknown. */
  findSent(tenant: TenantId, sent: SentKey): Promise<Earlier | null>;
  /** Stores under its key that a message was diverted. An earlier outcome of the key stays. */
  noteDiverted(tenant: TenantId, sent: SentKey, diversion: Diversion): Promise<void>;
  editMessage(tenant: TenantId, id: MessageId, content: string, payload: unknown): Promise<MessageEdit>;
  /** Empties the message and drops its reactions; its place stays. `by` null: a rule deleted it. */
  deleteMessage(tenant: TenantId, id: MessageId, by: UserId | null): Promise<MessageEdit>;
  /** `full` past the caps of emojis and reactions, of the user or in all. */
  addReaction(tenant: TenantId, id: MessageId, userId: UserId, emoji: string): Promise<MessageEdit>;
  removeReaction(tenant: TenantId, id: MessageId, userId: UserId, emoji: string): Promise<MessageEdit>;
  /** In the order asked; null for unknown ids. */
  readMessages(tenant: TenantId, ids: readonly MessageId[]): Promise<(MessageRecord | null)[]>;
  /** The kept messages of a range, or the first of them in its direction: about `LIMITS.readingBytes`. */
  listMessages(tenant: TenantId, id: ConversationId, range: MessageRange): Promise<KeptMessages>;
  /** Up to `limit` log entries past a position, or `LIMITS.readingBytes` of them. */
  readLog(tenant: TenantId, id: ConversationId, after: Position, limit: number): Promise<LogPage>;
}
