/** Publications on their way through the routing rules. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import type { EarlierPublication, Keeping, NewPublication, Published } from '../engine/shared/publication.ts';
import { isOutage, ServiceError } from '../errors.ts';
import type { PublicationId, PublicationRecord, TenantId } from '../model.ts';
import { type Destination, reach } from './journey.ts';
import type { Publishing } from './publishing.ts';
import type { Routing } from './routing.ts';
import type { Deliveries, Routes, RuleDeliveries } from './rule-deliveries.ts';
import { ruleRefusal } from './rule-refusal.ts';
import type { MessageContents } from './rule-run.ts';
import type { TopicAccess } from './topic-access.ts';

export interface RoutedPublicationParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly routing: Routing;
  readonly topicAccess: Pick<TopicAccess, 'admit'>;
}

/** The answer to a repeated publication. @throws {ServiceError} The earlier refusal. */
function answerToPublished(published: Published): Publishing {
  switch (published.outcome) {
    case 'published':
      return { outcome: 'STORED', publication: published.publication };
    case 'duplicate':
      return { outcome: 'DUPLICATE', publication: published.publication };
    case 'conflict':
      throw new ServiceError('CONFLICT', 'idempotencyKey: was already used for another publication.');
    default:
      if (!published.publication) throw ruleRefusal(published.fate);
      return { outcome: 'ROUTED', publication: published.publication };
  }
}

export function createRoutedPublications(
  { engine, clock, routing, topicAccess }: RoutedPublicationParts,
  { decide, route }: RuleDeliveries,
): Routes['publish'] {
  /** The retention of a publication. A publication repeated after a change of the policy gets its earlier answer. */
  async function admitted(
    tenant: TenantId,
    given: NewPublication,
    payload: unknown,
  ): Promise<Keeping | EarlierPublication> {
    try {
      return await topicAccess.admit(tenant, given.topic, payload);
    } catch (error) {
      const earlier = given.key && !isOutage(error) ? await engine.findPublished(tenant, given) : null;
      if (earlier) return earlier;
      throw error;
    }
  }

  /** A publication that was forwarded to users only is in no topic; its sender gets the outcome. */
  function routedAs(
    given: NewPublication,
    { payload }: MessageContents,
    { publications: [first] }: Deliveries,
  ): PublicationRecord {
    const { id, topic, senderId } = given;
    return first ?? { id, topic, payload, senderId, timestamp: clock.now(), position: { epoch: '', place: 0 } };
  }

  return async (viewer, { topic, payload, key }, journey) => {
    const { tenant, userId: senderId } = viewer;
    const id = randomUUID() as string as PublicationId;
    const destination: Destination = { kind: 'topic', id: topic };
    const given: NewPublication = { id, topic, payload, senderId, key, isRewritten: false };
    const store = async ({ payload: routed }: MessageContents): Promise<Published> => {
      reach(journey, destination);
      const keeping = await admitted(tenant, given, routed);
      if ('outcome' in keeping) return keeping;
      return engine.publish(tenant, { ...given, payload: routed, isRewritten: routed !== payload, keeping });
    };
    const concerned = routing.concerns(tenant, ['TOPIC']);
    if (concerned === false || !(await concerned)) return answerToPublished(await store({ content: '', payload }));
    // Before any rule, since a repeated publication is not routed again.
    const earlier = await engine.findPublished(tenant, given);
    if (earlier) return answerToPublished(earlier);
    const decision = await decide(tenant, { kind: 'TOPIC', topic, payload, content: '', sender: senderId }, journey);
    const isNew = ({ outcome }: Published): boolean => outcome === 'published';
    const outcome = await route(viewer, decision, journey, { store, isNew });
    if (outcome.fate === 'STORED') return answerToPublished(outcome.stored);
    const { fate } = outcome;
    const publication = outcome.fate === 'ROUTED' ? routedAs(given, decision.contents, outcome.deliveries) : null;
    await engine.divertPublication(tenant, given, { fate, publication });
    if (!publication) throw ruleRefusal(fate);
    return { outcome: 'ROUTED', publication };
  };
}
