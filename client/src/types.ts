/** The data shown to apps. Ids, positions and cursors are opaque; times are ISO 8601 in UTC. */

/** A value that changes. `value` is the same object until it changes, as `useSyncExternalStore` asks. */
export interface Readable<Value> {
  readonly value: Value;
  /** Calls back after each change. The returned function stops that. */
  subscribe(listener: () => void): () => void;
}

/** The state of the connection. `catching-up`: missed events are arriving. `offline`: the client retries by itself. */
export type Status = 'connecting' | 'catching-up' | 'live' | 'offline' | 'signed-out';

export interface Reaction {
  readonly emoji: string;
  readonly count: number;
  readonly viewerReacted: boolean;
}

/** A message as the service stores it. */
export interface Message {
  readonly id: string;
  readonly conversationId: string;
  /** 1, 2, 3 … in its conversation, without gaps. */
  readonly sequence: number;
  readonly content: string;
  readonly payload: unknown;
  readonly senderId: string;
  readonly timestamp: string;
  readonly clientMessageId: string | null;
  readonly replyTo: { readonly id: string } | null;
  readonly reactions: readonly Reaction[];
  readonly editedAt: string | null;
  /** Set when it was deleted; its content is empty then. */
  readonly deletedAt: string | null;
  /** `STREAMING`: it is being written, and its content grows. */
  readonly state: 'COMPLETE' | 'STREAMING' | 'ABORTED';
  /** The length of the content in Unicode code points. */
  readonly length: number;
  readonly position: string;
}

/** A message that the service has stored. */
export interface SentMessage extends Message {
  readonly status: 'sent';
  /** A stable key for lists, the same before and after sending. */
  readonly key: string;
}

/** What the service answered to a refused operation. */
export interface Fault {
  /** One of the closed list, such as `BAD_USER_INPUT`. */
  readonly code: string;
  readonly message: string;
  readonly reason?: string;
  readonly retryAfterMs?: number;
  /** All else that the service told, such as `conversationId`. */
  readonly [extension: string]: unknown;
}

/** A message in the outbox. */
export interface UnsentMessage {
  /** `failed`: the service refused it, as `error` says; `retry` and `discard` take its `key`. */
  readonly status: 'sending' | 'failed';
  readonly key: string;
  readonly id: null;
  readonly sequence: null;
  readonly conversationId: string;
  readonly clientMessageId: string;
  readonly content: string;
  readonly payload: unknown;
  readonly senderId: string;
  readonly replyTo: { readonly id: string } | null;
  readonly timestamp: string;
  /** The error of a failed message, or why a `sending` one waits, such as `RATE_LIMITED`. */
  readonly error: Fault | null;
}

export type ShownMessage = SentMessage | UnsentMessage;

/** The loaded messages of a conversation, oldest first, then those of the outbox. */
export interface MessageList {
  readonly messages: readonly ShownMessage[];
  /** Whether the last messages were read: `messages` without sent ones then means that there are none. */
  readonly isLoaded: boolean;
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  /** Why messages could not be loaded, such as `NOT_FOUND`. */
  readonly error: Fault | null;
}

/** The presence of a user. */
export interface Presence {
  readonly userId: string;
  readonly status: 'ONLINE' | 'AWAY' | 'BUSY' | 'OFFLINE';
  readonly statusText: string | null;
  readonly lastSeenAt: string | null;
}

export interface ReadReceipt {
  readonly userId: string;
  /** The sequence of the last message they have read. */
  readonly sequence: number;
}

export interface ConversationInfo {
  readonly id: string;
  readonly name: string | null;
  readonly kind: 'DIRECT' | 'GROUP' | 'ROOM';
  readonly createdAt: string;
  readonly lastActivityAt: string | null;
  readonly viewerRole: 'OWNER' | 'MODERATOR' | 'MEMBER' | null;
  readonly memberCount: number;
  /** The other user of a direct conversation. */
  readonly peer: { readonly id: string } | null;
}

/** A conversation in the caller's list. */
export interface InboxEntry {
  readonly conversation: ConversationInfo;
  readonly unread: number;
  readonly lastMessage: Message | null;
  readonly mutedUntil: string | null;
  readonly isArchived: boolean;
  readonly isPinned: boolean;
  readonly isMarkedUnread: boolean;
}

/** The loaded part of the caller's list: pinned ones first, then by latest activity. */
export interface InboxList {
  readonly entries: readonly InboxEntry[];
  /** Unread messages in all of the caller's conversations, including those that are not loaded. */
  readonly unread: number;
  /** Whether the list was read, or restored from storage: no entries then means that there are none. */
  readonly isLoaded: boolean;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
}

/** Stores positions, shown data, and unsent messages. Values are plain data. */
export interface Storage {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Every key with this prefix, in ascending order, with its value. */
  list(prefix: string): Promise<readonly (readonly [key: string, value: unknown])[]>;
}

/** A conversation that the app must read again, since missed events cannot be replayed. */
export interface Reset {
  /** Null: the whole list. */
  readonly conversationId: string | null;
  readonly reason: string;
}
