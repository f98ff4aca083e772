/** Publications, messages and edits on their way through the routing rules. */
import type { Clock } from '../clock.ts';
import type { Engine, NewMessage } from '../engine/port.ts';
import type { Viewer } from '../model.ts';
import { createConversationRules } from './conversation-rules.ts';
import { setOut } from './journey.ts';
import type { DirectTarget } from './opening.ts';
import type { Publishable, Publishing } from './publishing.ts';
import { createRoutedChanges, type RoutedChanges } from './routed-changes.ts';
import { createRoutedMessages } from './routed-messages.ts';
import { createRoutedPublications } from './routed-publications.ts';
import { createRuleDeliveries, type DeliveryParts, type Routes } from './rule-deliveries.ts';
import type { Sent } from './sent.ts';
import type { TopicAccess } from './topic-access.ts';

/**
 * Stores publications, messages and edits as the rules decide. A repeated call gets its earlier answer.
 *
 * @throws {ServiceError} FORBIDDEN, with a reason: `DROPPED` by a rule; `RULE_FAILED`: a rule failed, and refuses then;
 * `ROUTED`: it was delivered elsewhere, without a result for the caller.
 */
export interface Routed extends RoutedChanges {
  publish(viewer: Viewer, publishable: Publishable): Promise<Publishing>;
  /** `target`: the direct conversation to create if this is its first message; null: the conversation exists. */
  append(viewer: Viewer, message: NewMessage, target: DirectTarget | null): Promise<Sent>;
}

export interface RoutedParts extends DeliveryParts {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Admits everything that is stored in a topic, including deliveries of rules. */
  readonly topicAccess: Pick<TopicAccess, 'admit'>;
}

export function createRouted(parts: RoutedParts): Routed {
  const { engine, routing } = parts;
  // Deliveries of a rule are published and sent like others, so rules apply to them again.
  const routes: Routes = {
    publish: (...given) => publish(...given),
    append: (...given) => append(...given),
  };
  const deliveries = createRuleDeliveries(parts, routes);
  const rules = createConversationRules(engine, routing);
  const publish = createRoutedPublications(parts, deliveries);
  const append = createRoutedMessages(engine, rules, deliveries);
  return {
    ...createRoutedChanges({ engine, routing, rules, deliveries }),
    publish(viewer, publishable) {
      const { topic, key } = publishable;
      return publish(viewer, publishable, setOut(key && { ...key, id: `${topic} ${key.id}` }));
    },
    append(viewer, message, target) {
      const { conversationId, clientMessageId, key } = message;
      const origin = key && { ...key, id: `${conversationId} ${key.id}` };
      return append(viewer, message, target, setOut(origin, clientMessageId));
    },
  };
}
