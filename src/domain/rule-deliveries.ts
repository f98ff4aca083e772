/** Carries out the decision of the rules: a message is stored, delivered elsewhere, copied, or dropped. */
import { actorOf, viaOf } from '../access/acting.ts';
import type { NewMessage } from '../engine/port.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { MessageRecord, PublicationRecord, TenantId, Viewer } from '../model.ts';
import { type Destination, hasReached, type Journey, keyAt, onward } from './journey.ts';
import type { DirectTarget, Opening } from './opening.ts';
import type { Publishable, Publishing } from './publishing.ts';
import type { Copies, Decision, Routing, RuleDelivery } from './routing.ts';
import { ruleRefusal } from './rule-refusal.ts';
import type { MessageContents, Routable } from './rule-run.ts';
import type { Sent } from './sent.ts';

/** The results of a rule's targets. */
export interface Deliveries {
  readonly messages: MessageRecord[];
  readonly publications: PublicationRecord[];
  /** The error of a delivery that failed and may succeed later. */
  outage: ServiceError | null;
}

/** The stored message, and whether it is new. A repeated message was copied before. */
export interface Storing<Stored> {
  store(contents: MessageContents): Promise<Stored>;
  isNew(stored: Stored): boolean;
}

/** The outcome of all rules for a message. */
export type RulesOutcome<Stored> =
  | { readonly fate: 'STORED'; readonly stored: Stored }
  | { readonly fate: 'DROPPED' }
  | { readonly fate: 'ROUTED'; readonly deliveries: Deliveries };

export interface DeliveryParts {
  readonly log: Log;
  readonly routing: Routing;
  readonly directWith: Opening['directWith'];
  readonly copies: Copies;
}

/** The paths of a publication and of a message, also for deliveries of rules. */
export interface Routes {
  publish(viewer: Viewer, publishable: Publishable, journey: Journey): Promise<Publishing>;
  append(viewer: Viewer, message: NewMessage, target: DirectTarget | null, journey: Journey): Promise<Sent>;
}

export interface RuleDeliveries {
  decide(tenant: TenantId, message: Routable, journey: Journey): Promise<Decision>;
  /** Stores the result of the rules, and makes their deliveries. */
  route<Stored>(
    viewer: Viewer,
    decision: Decision,
    journey: Journey,
    storing: Storing<Stored>,
  ): Promise<RulesOutcome<Stored>>;
}

/** The message for a user that a rule names, with the contents of the original. */
function messageTo(
  viewer: Viewer,
  { id: conversationId }: DirectTarget,
  { content, payload }: MessageContents,
  journey: Journey,
  clientMessageId: string | null,
): NewMessage {
  const key = keyAt(journey, { kind: 'conversation', id: conversationId });
  const senderId = viewer.userId;
  const via = viaOf(viewer);
  return { content, payload, conversationId, senderId, clientMessageId, key, replyToId: null, via };
}

export function createRuleDeliveries(
  { log, routing, directWith, copies }: DeliveryParts,
  routes: Routes,
): RuleDeliveries {
  /** Delivers to the targets of a rule that the message has not reached yet; a failed delivery does not stop the others. */
  async function deliver(
    viewer: Viewer,
    { targets }: RuleDelivery,
    contents: MessageContents,
    journey: Journey,
    clientMessageId: string | null = null,
  ): Promise<Deliveries> {
    const made: Deliveries = { messages: [], publications: [], outage: null };
    copies.charge(actorOf(viewer), Math.min(targets.topics.length + targets.users.length, journey.origin.left));
    const each = async (destination: Destination, work: (next: Journey) => Promise<unknown>): Promise<void> => {
      const { origin } = journey;
      if (origin.left <= 0 || hasReached(journey, destination)) return;
      origin.left -= 1;
      try {
        await copies.turn(viewer.tenant);
        await work(onward(journey));
      } catch (error) {
        log.warn({ tenant: viewer.tenant, err: error }, 'routed message not delivered');
        if (error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE') made.outage = error;
      }
    };
    for (const id of targets.topics) {
      await each({ kind: 'topic', id }, async (next) => {
        const copy = {
          topic: id,
          payload: contents.payload ?? contents.content,
          key: keyAt(next, { kind: 'topic', id }),
        };
        made.publications.push((await routes.publish(viewer, copy, next)).publication);
      });
    }
    for (const userId of targets.users) {
      if (userId === viewer.userId) continue;
      const target = directWith(viewer, userId);
      await each({ kind: 'conversation', id: target.id }, async (next) => {
        const message = messageTo(viewer, target, contents, next, clientMessageId);
        const sent = await routes.append(viewer, message, target, next);
        if ('message' in sent) made.messages.push(sent.message);
      });
    }
    return made;
  }

  return {
    async decide(tenant, message, { hops }) {
      if (hops < LIMITS.routingHops) return routing.decide(tenant, message);
      return { fate: 'STORE', contents: message, forward: null, copies: [] };
    },

    async route(viewer, { fate, contents, forward, copies: more }, journey, { store, isNew }) {
      if (fate === 'REFUSE') throw ruleRefusal('RULE_FAILED');
      const stored = fate === 'STORE' ? await store(contents) : null;
      const elsewhere = forward && (await deliver(viewer, forward, contents, journey, journey.origin.clientMessageId));
      if (stored === null || isNew(stored)) for (const copy of more) await deliver(viewer, copy, contents, journey);
      if (elsewhere?.outage) throw elsewhere.outage;
      if (elsewhere) return { fate: 'ROUTED', deliveries: elsewhere };
      return stored === null ? { fate: 'DROPPED' } : { fate: 'STORED', stored };
    },
  };
}
