/**
 * The events of a user's inbox.
 *
 * Each event except a checkpoint is one object for all recipients, so that it is rendered once.
 */

import { isWriterOf } from '../../access/acting.ts';
import {
  type ChannelAccess,
  conversationInChannel,
  messageInChannel,
  type SeenConversation,
  type SeenMessage,
  type SeenText,
  type ShownMessage,
  sentBy,
  textInChannel,
} from '../../access/seen.ts';
import type { LeaveReason } from '../../engine/port.ts';
import type { ExpiryReason } from '../../errors.ts';
import type { CheckpointRecord, ConversationId, MessageChange, TypingRecord } from '../../model.ts';
import type { Selection } from '../conversations/followed-conversation.ts';
import type { ReadMoved } from '../conversations/listeners.ts';
import type { ExtendedText } from '../conversations/written-message.ts';
import { isPast, notePast } from '../past.ts';

export type InboxStreamEvent =
  | {
      readonly kind: 'MessageSent';
      readonly conversationId: ConversationId;
      readonly message: SeenMessage;
      readonly timestamp: number;
    }
  | {
      readonly kind: 'MessageChanged';
      readonly conversationId: ConversationId;
      readonly message: SeenMessage;
      readonly change: Exclude<MessageChange, 'SENT'>;
    }
  | {
      readonly kind: 'MessageStopRequested';
      readonly conversationId: ConversationId;
      readonly message: ShownMessage;
    }
  | {
      readonly kind: 'ConversationJoined' | 'ConversationChanged';
      readonly conversationId: ConversationId;
      readonly conversation: SeenConversation;
    }
  | ({ readonly kind: 'ReadMoved' } & ReadMoved)
  | { readonly kind: 'TypingChanged'; readonly conversationId: ConversationId; readonly typing: TypingRecord }
  | { readonly kind: 'ConversationLeft'; readonly conversationId: ConversationId; readonly reason: LeaveReason }
  | { readonly kind: 'ConversationReset'; readonly conversationId: ConversationId; readonly reason: ExpiryReason }
  | ({ readonly kind: 'Checkpoint' } & CheckpointRecord)
  | SeenText<ExtendedText>;

/** Text has no wrapper with a `kind`, since its events are frequent. */
export const kindOf = (event: object): string => ('kind' in event ? String(event.kind) : 'MessageExtended');

/** The event of a record, created once for all recipients. */
function once<Of extends object, Event extends object>(make: (of: Of) => Event): (of: Of) => Event {
  const made = new WeakMap<Of, Event>();
  return (of) => {
    const known = made.get(of);
    if (known) return known;
    const event = make(of);
    made.set(of, event);
    return event;
  };
}

const sent = once((message: SeenMessage): InboxStreamEvent => {
  const { conversationId, timestamp } = message;
  const event = { kind: 'MessageSent', conversationId, message, timestamp } as const;
  if (isPast(message)) notePast(event);
  return event;
});

const changedBy = (change: Exclude<MessageChange, 'SENT'>) =>
  once(
    (message: SeenMessage): InboxStreamEvent => ({
      kind: 'MessageChanged',
      conversationId: message.conversationId,
      message,
      change,
    }),
  );

const CHANGES = {
  EDITED: changedBy('EDITED'),
  DELETED: changedBy('DELETED'),
  REACTED: changedBy('REACTED'),
  FINISHED: changedBy('FINISHED'),
};

const stopRequested = once(
  (message: ShownMessage): InboxStreamEvent => ({
    kind: 'MessageStopRequested',
    conversationId: message.conversationId,
    message,
  }),
);

const conversationEvent = (kind: 'ConversationJoined' | 'ConversationChanged') =>
  once((conversation: SeenConversation): InboxStreamEvent => ({ kind, conversationId: conversation.id, conversation }));

const joined = conversationEvent('ConversationJoined');
const conversationChanged = conversationEvent('ConversationChanged');
const readMoved = once((moved: ReadMoved): InboxStreamEvent => ({ kind: 'ReadMoved', ...moved }));
const typingChanged = once(
  (typing: TypingRecord): InboxStreamEvent => ({
    kind: 'TypingChanged',
    conversationId: typing.conversationId,
    typing,
  }),
);

const ofMessage = (
  access: ChannelAccess,
  record: Parameters<typeof messageInChannel>[1],
  make: (of: SeenMessage) => InboxStreamEvent,
) => {
  const message = messageInChannel(access, record);
  return message && make(message);
};

const ofConversation = (
  access: ChannelAccess,
  record: Parameters<typeof conversationInChannel>[1],
  make: (of: SeenConversation) => InboxStreamEvent,
) => {
  const conversation = conversationInChannel(access, record);
  return conversation && make(conversation);
};

/** The events that the stream of one user's inbox takes of each conversation. */
export const INBOX: Selection<InboxStreamEvent> = {
  message: (access, message, change) => ofMessage(access, message, change === 'SENT' ? sent : CHANGES[change]),
  extension: textInChannel,
  stop: (access, message, viewer) => (isWriterOf(viewer, message) ? ofMessage(access, message, stopRequested) : null),
  stopElsewhere(record, viewer) {
    const message = sentBy(viewer, record);
    return message && stopRequested(message);
  },
  conversation: (access, conversation, cause) =>
    cause === 'CHANGED' ? ofConversation(access, conversation, conversationChanged) : null,
  joined: (access, conversation) => ofConversation(access, conversation, joined),
  read: (access, moved) => (access.isTo(moved.conversationId) ? readMoved(moved) : null),
  typing: (typing, viewer) => (typing.userId === viewer.userId ? null : typingChanged(typing)),
};
