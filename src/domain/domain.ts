/** The rules of the product, put together. */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import type { Log } from '../log.ts';
import { type Conversations, createConversations } from './conversations.ts';
import { createInboxes, type Inboxes } from './inbox.ts';
import { createMessages, type Messages } from './messages.ts';
import { createPresence, type Presence } from './presence.ts';
import { createSessions, type IssueToken, type Sessions } from './sessions.ts';
import { createTopics, type Topics } from './topics.ts';
import { createTyping, type Typing } from './typing.ts';

export interface Domain {
  readonly conversations: Conversations;
  readonly messages: Messages;
  readonly presence: Presence;
  readonly typing: Typing;
  readonly sessions: Sessions;
  readonly topics: Topics;
  readonly inboxes: Inboxes;
}

export interface DomainOptions {
  readonly presenceGraceMs: number;
  /** Null: there is no key to sign with. */
  readonly issueToken: IssueToken | null;
}

export function createDomain(engine: Engine, clock: Clock, log: Log, options: DomainOptions): Domain {
  const { presenceGraceMs, issueToken } = options;
  const conversations = createConversations(engine);
  return {
    conversations,
    messages: createMessages(engine, conversations.openDirect),
    presence: createPresence(engine, clock, log, presenceGraceMs),
    typing: createTyping(engine),
    sessions: createSessions(engine, clock, issueToken),
    topics: createTopics(engine),
    inboxes: createInboxes(engine),
  };
}
