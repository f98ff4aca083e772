/** The composition of the domain. */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import type { Log } from '../log.ts';
import type { SessionLifetimes } from '../model.ts';
import { createActing } from './acting.ts';
import { type Blocks, createBlocks } from './blocks.ts';
import { type Bookmarks, createBookmarks } from './bookmarks.ts';
import { type Consumers, createConsumers } from './consumers.ts';
import { type Conversations, createConversations } from './conversations.ts';
import type { EventWaits } from './event-waits.ts';
import { createIsTextHeldBack } from './holding.ts';
import { type ConversationLists, createConversationLists } from './lists.ts';
import { createMessages, type Messages } from './messages.ts';
import { createPresence, type Presence } from './presence.ts';
import { createRouted } from './routed.ts';
import { type Copies, type CountRule, createRouting, type Expressions } from './routing.ts';
import { createRoutingRules, type RoutingRules } from './routing-rules.ts';
import { createResultOfSent } from './sending.ts';
import type { IssueToken } from './session-tokens.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createTopicAccess, type PayloadSchemas } from './topic-access.ts';
import { createTopicPolicies, type TopicPolicies } from './topic-policies.ts';
import { createTopics, type Topics } from './topics.ts';
import { createTyping, type Typing } from './typing.ts';
import { createWebhooks, type Webhooks } from './webhooks.ts';
import { createWritings, type Writings } from './writings.ts';

export interface Domain {
  readonly blocks: Blocks;
  readonly conversations: Conversations;
  readonly lists: ConversationLists;
  readonly messages: Messages;
  readonly writings: Writings;
  readonly presence: Presence;
  readonly typing: Typing;
  readonly sessions: Sessions;
  readonly topics: Topics;
  readonly bookmarks: Bookmarks;
  readonly routingRules: RoutingRules;
  readonly topicPolicies: TopicPolicies;
  readonly consumers: Consumers;
  readonly webhooks: Webhooks;
}

export interface DomainOptions {
  readonly presenceGraceMs: number;
  /** Null: there is no key to sign with. */
  readonly issueToken: IssueToken | null;
  readonly sessions: SessionLifetimes;
  readonly expressions: Expressions;
  readonly schemas: PayloadSchemas;
  readonly countRule: CountRule;
  readonly copies: Copies;
  /** The average interval between appends to one streamed message; 0: no limit. */
  readonly appendPaceMs: number;
  /** The pulls that wait for events. */
  readonly waits: EventWaits;
  /** Whether events may be sent to this URL. */
  readonly isWebhookUrlAllowed: (url: string) => boolean;
}

export function createDomain(engine: Engine, clock: Clock, log: Log, options: DomainOptions): Domain {
  const { presenceGraceMs, issueToken, sessions: lifetimes, expressions, schemas, countRule, copies } = options;
  const blocks = createBlocks(engine);
  const acting = createActing(engine);
  const conversations = createConversations(engine, clock, blocks);
  const routing = createRouting(engine, clock, log, expressions, countRule);
  const topicAccess = createTopicAccess(engine, clock, log, schemas);
  const { directWith } = conversations;
  const routed = createRouted({ engine, clock, log, routing, topicAccess, directWith, copies });
  return {
    blocks,
    conversations,
    lists: createConversationLists(engine, clock),
    messages: createMessages(engine, routed, { directWith, blocks, acting, log }),
    writings: createWritings({
      engine,
      routed,
      isTextHeldBack: createIsTextHeldBack(engine, routing),
      blocks,
      acting,
      resultOfSent: createResultOfSent(engine),
      appendPaceMs: options.appendPaceMs,
    }),
    presence: createPresence(engine, clock, log, presenceGraceMs),
    typing: createTyping(engine, blocks),
    sessions: createSessions(engine, clock, log, { issueToken, lifetimes }),
    topics: createTopics(engine, routed, topicAccess, log),
    bookmarks: createBookmarks(engine, clock, log),
    routingRules: createRoutingRules(engine, clock, expressions, routing),
    topicPolicies: createTopicPolicies(engine, clock, topicAccess, schemas),
    consumers: createConsumers(engine, options.waits, clock),
    webhooks: createWebhooks(engine, clock, options.isWebhookUrlAllowed),
  };
}
