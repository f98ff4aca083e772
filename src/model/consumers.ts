/** Consumers, and the events they receive. */
import type { ConversationId, MessageId, UserId } from './ids.ts';
import type { SessionRecord } from './sessions.ts';

/** The kinds of events of consumers. */
export const EVENT_TYPES = [
  'MESSAGE_SENT',
  'MESSAGE_CHANGED',
  'MESSAGE_DELETED',
  'MESSAGE_FINISHED',
  'MEMBER_ADDED',
  'MEMBER_REMOVED',
  'CONVERSATION_CREATED',
  'CONVERSATION_DELETED',
  'PUBLISHED',
  'PRESENCE_CHANGED',
  'SESSION_BEGUN',
  'SESSION_ENDED',
  'USER_UNREACHED',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface ConsumerRecord {
  readonly name: string;
  readonly events: readonly EventType[];
  /** Null: all conversations. */
  readonly conversations: readonly ConversationId[] | null;
  /** Patterns; null: all topics. */
  readonly topics: readonly string[] | null;
}

/** The public part of a session, without its secrets. */
export type SessionEvent = Pick<
  SessionRecord,
  'id' | 'userId' | 'deviceId' | 'deviceName' | 'userAgent' | 'createdAt' | 'expiresAt' | 'revokedAt'
>;

/** A message that an absent user has not read. */
export interface Unreached {
  readonly userId: UserId;
  readonly conversationId: ConversationId;
  readonly messageId: MessageId;
  readonly sequence: number;
  readonly senderId: UserId;
  /** The beginning of the text. */
  readonly content: string;
}

/** An event as consumers receive it. */
export interface ShownEvent {
  readonly id: string;
  /** For `MESSAGE_SENT`: `message.sent`. */
  readonly type: string;
  readonly time: number;
  readonly subject: string;
  readonly data: unknown;
  readonly attempt: number;
}
