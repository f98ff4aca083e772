/** Derives the events of consumers from announcements. Each announcement is at most one event. */
import type { EventType, MessageChange } from '../../model.ts';
import type { Announcement } from '../port.ts';
import type { Happening } from './consumer.ts';

const MESSAGE_EVENTS: Readonly<Record<MessageChange, Extract<EventType, `MESSAGE_${string}`>>> = {
  SENT: 'MESSAGE_SENT',
  EDITED: 'MESSAGE_CHANGED',
  REACTED: 'MESSAGE_CHANGED',
  DELETED: 'MESSAGE_DELETED',
  FINISHED: 'MESSAGE_FINISHED',
};

/** The event of an announcement; null: none. */
export function happeningOf(announcement: Announcement): Happening | null {
  switch (announcement.type) {
    case 'message': {
      const { change, message } = announcement;
      return change && { type: MESSAGE_EVENTS[change], subject: message.conversationId, data: message };
    }
    case 'publication':
      return { type: 'PUBLISHED', subject: announcement.publication.topic, data: announcement.publication };
    case 'conversation': {
      const { conversation, joined, left, why, isNew } = announcement;
      const subject = conversation.id;
      if (isNew) return { type: 'CONVERSATION_CREATED', subject, data: { conversation, userIds: joined } };
      if (why === 'DELETED') return { type: 'CONVERSATION_DELETED', subject, data: { conversation, userIds: [] } };
      if (joined.length > 0) return { type: 'MEMBER_ADDED', subject, data: { conversation, userIds: joined } };
      if (left.length === 0) return null;
      return { type: 'MEMBER_REMOVED', subject, data: { conversation, userIds: left, ...(why && { why }) } };
    }
    case 'presence': {
      const { userId, status, statusText, lastSeenAt, devices } = announcement.presence;
      return { type: 'PRESENCE_CHANGED', subject: userId, data: { userId, status, statusText, lastSeenAt, devices } };
    }
    case 'session': {
      const { isRevoked, session } = announcement;
      if (!session) return null;
      return { type: isRevoked ? 'SESSION_ENDED' : 'SESSION_BEGUN', subject: session.userId, data: session };
    }
    case 'extension':
    case 'stop':
    case 'typing':
    case 'routing-rules':
    case 'topic-policies':
    case 'tokens-refused':
    case 'membership':
      return null;
    default:
      // A new kind of announcement does not compile without its case.
      announcement satisfies never;
      return null;
  }
}
