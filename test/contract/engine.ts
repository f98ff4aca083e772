/** What every engine must do. Names no engine. */
import type { OpenWorld } from '../support/world.ts';
import { describeBookmarks } from './bookmarks.ts';
import { describeBus } from './bus.ts';
import { describeConsumerDeliveries } from './consumer-deliveries.ts';
import { describeConsumers } from './consumers.ts';
import { describeConversations } from './conversations.ts';
import { describeHeads } from './heads.ts';
import { describeLists } from './lists.ts';
import { describeMembershipQuota } from './membership-quota.ts';
import { describeMessageChanges } from './message-changes.ts';
import { describeMessages } from './messages.ts';
import { describePages } from './pages.ts';
import { describePresence } from './presence.ts';
import { describeRetention } from './retention.ts';
import { describeSessions } from './sessions.ts';
import { describeTopicPolicies } from './topic-policies.ts';
import { describeTopics } from './topics.ts';
import { describeTyping } from './typing.ts';
import { describeUserLogs } from './user-log.ts';
import { describeWebhooks } from './webhooks.ts';
import { describeWritingLimits } from './writing-limits.ts';
import { describeWritings } from './writings.ts';

export function describeEngine(open: OpenWorld): void {
  describeConversations(open);
  describeMembershipQuota(open);
  describeMessages(open);
  describeMessageChanges(open);
  describeWritings(open);
  describeWritingLimits(open);
  describeRetention(open);
  describePages(open);
  describePresence(open);
  describeTopics(open);
  describeTopicPolicies(open);
  describeTyping(open);
  describeSessions(open);
  describeBookmarks(open);
  describeLists(open);
  describeHeads(open);
  describeUserLogs(open);
  describeConsumers(open);
  describeConsumerDeliveries(open);
  describeWebhooks(open);
  describeBus(open);
}
