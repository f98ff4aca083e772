/** The history of the database's schema, a file for each step. Append only: a step that has shipped is never edited. */
import { conversations } from './migrations/01-conversations.ts';
import { sessions } from './migrations/02-sessions.ts';
import { topics } from './migrations/03-topics.ts';
import { bookmarks } from './migrations/04-bookmarks.ts';
import { routingRules } from './migrations/05-routing-rules.ts';
import { sessionsById } from './migrations/06-sessions-by-id.ts';
import { places } from './migrations/07-places.ts';
import { publicationKeys } from './migrations/08-publication-keys.ts';
import { tokenRefusals } from './migrations/09-token-refusals.ts';
import { sentKeys } from './migrations/10-sent-keys.ts';
import { presences } from './migrations/11-presences.ts';
import { writings } from './migrations/12-writings.ts';
import { publicationDigests } from './migrations/13-publication-digests.ts';
import { conversationLists } from './migrations/14-conversation-lists.ts';
import { rooms } from './migrations/15-rooms.ts';
import { userLogs } from './migrations/16-user-logs.ts';
import { via } from './migrations/17-via.ts';
import { logTimes } from './migrations/18-log-times.ts';
import { topicPolicies } from './migrations/19-topic-policies.ts';
import { consumers } from './migrations/20-consumers.ts';
import { webhooks } from './migrations/21-webhooks.ts';
import { userLogTimes } from './migrations/22-user-log-times.ts';

export const MIGRATIONS: readonly string[] = [
  conversations,
  sessions,
  topics,
  bookmarks,
  routingRules,
  sessionsById,
  places,
  publicationKeys,
  tokenRefusals,
  sentKeys,
  presences,
  writings,
  publicationDigests,
  conversationLists,
  rooms,
  userLogs,
  via,
  logTimes,
  topicPolicies,
  consumers,
  webhooks,
  userLogTimes,
];
