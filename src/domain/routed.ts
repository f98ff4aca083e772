/** Publications, messages and edits on their way through the routing rules. */
import { randomUUID } from 'node:crypto';
import { actorOf, viaOf } from '../access/acting.ts';
import type { Clock } from '../clock.ts';
import type { Append, Diversion, Engine, MessageEdit, MessageKey, NewMessage } from '../engine/port.ts';
import type { EarlierPublication, Keeping, NewPublication, Published } from '../engine/shared/publication.ts';
import { isOutage, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  ConversationId,
  ConversationKind,
  MessageRecord,
  PublicationId,
  PublicationRecord,
  TenantId,
  Topic,
  UserId,
  Viewer,
} from '../model.ts';
import type { DirectPlace } from './conversations.ts';
import { isDirect } from './direct-id.ts';
import { type Destination, hasReached, type Journey, keyAt, onward, reach, setOut } from './journey.ts';
import type { Copies, Decision, Routing, RuleDelivery } from './routing.ts';
import type { Routable, Said } from './rule-run.ts';
import type { TopicAccess } from './topic-access.ts';

/** What became of a message, now or when it was sent before. */
export type Sent = Exclude<Append, { readonly outcome: 'diverted' }>;

/**
 * Each is stored as the rules would have it; one that was sent before is answered as it was then.
 *
 * @throws {ServiceError} FORBIDDEN: `DROPPED` by a rule, `RULE_FAILED` where a rule that failed
 * refuses, `ROUTED` when it went elsewhere and nothing came of it that could be answered.
 */
export interface Routed {
  publish(viewer: Viewer, publishable: Publishable): Promise<Publishing>;
  /** `place`: the direct conversation it may be the first of; null: its conversation is there. */
  append(viewer: Viewer, message: NewMessage, place: DirectPlace | null): Promise<Sent>;
  edit(viewer: Viewer, message: MessageRecord, said: Said): Promise<MessageEdit>;
  /** Whether rules may change or divert what a user writes there: its text is not shown before they ran. */
  isHeld(tenant: TenantId, id: ConversationId, sender: UserId): Promise<boolean>;
  /** Runs what was written through the rules. @throws {ServiceError} FORBIDDEN, as above; nothing is stored then. */
  finish<Stored extends { readonly outcome: string }>(
    viewer: Viewer,
    message: MessageRecord,
    said: Said,
    store: (said: Said) => Promise<Stored>,
  ): Promise<Stored>;
}

export interface Publishable {
  readonly topic: Topic;
  readonly payload: unknown;
  /** Null: published again, it is another. */
  readonly key: MessageKey | null;
}

/** What became of a publication, now or when it was published before; ROUTED: it is one of another topic, or of none. */
export interface Publishing {
  readonly outcome: 'STORED' | 'DUPLICATE' | 'ROUTED';
  readonly publication: PublicationRecord;
}

type DirectWith = (viewer: Viewer, userId: string) => DirectPlace;

/** What came of a rule's targets. */
interface Deliveries {
  readonly messages: MessageRecord[];
  readonly publications: PublicationRecord[];
  /** Why one could not be made that may be made later. */
  outage: ServiceError | null;
}

/** What a message is stored by, and whether it is new: a repeated one was copied before. */
interface Storing<Stored> {
  store(said: Said): Promise<Stored>;
  isNew(stored: Stored): boolean;
}

/** What all rules together made of a message. */
type Outcome<Stored> =
  | { readonly fate: 'STORED'; readonly stored: Stored }
  | { readonly fate: 'DROPPED' }
  | { readonly fate: 'ROUTED'; readonly deliveries: Deliveries };

const CONVERSATIONS: readonly ConversationKind[] = ['DIRECT', 'GROUP', 'ROOM'];

const MESSAGES = {
  DROPPED: 'A routing rule of the tenant did not let it through.',
  RULE_FAILED: 'A routing rule of the tenant failed, and lets nothing through then.',
  ROUTED: 'A routing rule of the tenant sent it elsewhere.',
};

function refusal(reason: keyof typeof MESSAGES): ServiceError {
  return new ServiceError('FORBIDDEN', MESSAGES[reason], { reason });
}

export interface RoutedParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly routing: Routing;
  /** By which everything that is stored in a topic is admitted, whatever led there. */
  readonly topicAccess: Pick<TopicAccess, 'admit'>;
  readonly directWith: DirectWith;
  readonly copies: Copies;
}

export function createRouted({ engine, clock, log, routing, topicAccess, directWith, copies }: RoutedParts): Routed {
  async function decide(tenant: TenantId, message: Routable, { hops }: Journey): Promise<Decision> {
    if (hops < LIMITS.routingHops) return routing.decide(tenant, message);
    return { fate: 'STORE', said: message, forward: null, copies: [] };
  }

  /** Sends what was said to a user of a rule. */
  async function toUser(
    viewer: Viewer,
    place: DirectPlace,
    { content, payload }: Said,
    journey: Journey,
    clientMessageId: string | null,
  ): Promise<MessageRecord | null> {
    const { id: conversationId } = place;
    const key = keyAt(journey, { kind: 'conversation', id: conversationId });
    const message = {
      content,
      payload,
      conversationId,
      senderId: viewer.userId,
      clientMessageId,
      key,
      replyToId: null,
      via: viaOf(viewer),
    };
    const sent = await append(viewer, message, place, journey);
    return 'message' in sent ? sent.message : null;
  }

  /** Hands what was said to those targets of a rule that it has not reached; one that fails leaves the others. */
  async function deliver(
    viewer: Viewer,
    { targets }: RuleDelivery,
    said: Said,
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
        const copy = { topic: id, payload: said.payload ?? said.content, key: keyAt(next, { kind: 'topic', id }) };
        made.publications.push((await publish(viewer, copy, next)).publication);
      });
    }
    for (const userId of targets.users) {
      if (userId === viewer.userId) continue;
      const place = directWith(viewer, userId);
      await each({ kind: 'conversation', id: place.id }, async (next) => {
        const message = await toUser(viewer, place, said, next, clientMessageId);
        if (message) made.messages.push(message);
      });
    }
    return made;
  }

  /** Stores what the rules let through, and delivers what they make of it. */
  async function route<Stored>(
    viewer: Viewer,
    { fate, said, forward, copies: more }: Decision,
    journey: Journey,
    { store, isNew }: Storing<Stored>,
  ): Promise<Outcome<Stored>> {
    if (fate === 'REFUSE') throw refusal('RULE_FAILED');
    const stored = fate === 'STORE' ? await store(said) : null;
    const elsewhere = forward && (await deliver(viewer, forward, said, journey, journey.origin.clientMessageId));
    if (stored === null || isNew(stored)) for (const copy of more) await deliver(viewer, copy, said, journey);
    if (elsewhere?.outage) throw elsewhere.outage;
    if (elsewhere) return { fate: 'ROUTED', deliveries: elsewhere };
    return stored === null ? { fate: 'DROPPED' } : { fate: 'STORED', stored };
  }

  /** What is answered of a publication that was published before. @throws {ServiceError} as it was refused then. */
  function settlePublished(published: Published): Publishing {
    switch (published.outcome) {
      case 'published':
        return { outcome: 'STORED', publication: published.publication };
      case 'duplicate':
        return { outcome: 'DUPLICATE', publication: published.publication };
      case 'conflict':
        throw new ServiceError('CONFLICT', 'idempotencyKey: was already used for another publication.');
      default:
        if (!published.publication) throw refusal(published.fate);
        return { outcome: 'ROUTED', publication: published.publication };
    }
  }

  /** How long it is kept. What was published under its key before its topic had this policy is answered as it was. */
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

  async function publish(viewer: Viewer, { topic, payload, key }: Publishable, journey: Journey): Promise<Publishing> {
    const { tenant, userId: senderId } = viewer;
    const id = randomUUID() as string as PublicationId;
    const destination: Destination = { kind: 'topic', id: topic };
    const given: NewPublication = { id, topic, payload, senderId, key, isRewritten: false };
    const store = async ({ payload: routed }: Said): Promise<Published> => {
      reach(journey, destination);
      const keeping = await admitted(tenant, given, routed);
      if ('outcome' in keeping) return keeping;
      return engine.publish(tenant, { ...given, payload: routed, isRewritten: routed !== payload, keeping });
    };
    const concerned = routing.concerns(tenant, ['TOPIC']);
    if (concerned === false || !(await concerned)) return settlePublished(await store({ content: '', payload }));
    // Before any rule: what was published before is not routed again.
    const earlier = await engine.findPublished(tenant, given);
    if (earlier) return settlePublished(earlier);
    const decision = await decide(tenant, { kind: 'TOPIC', topic, payload, content: '', sender: senderId }, journey);
    const isNew = ({ outcome }: Published): boolean => outcome === 'published';
    const outcome = await route(viewer, decision, journey, { store, isNew });
    if (outcome.fate === 'STORED') return settlePublished(outcome.stored);
    const { fate } = outcome;
    const publication = outcome.fate === 'ROUTED' ? routedAs(given, decision.said, outcome.deliveries) : null;
    await engine.divertPublication(tenant, given, { fate, publication });
    if (!publication) throw refusal(fate);
    return { outcome: 'ROUTED', publication };
  }

  /** What went to users only is no publication any more; its sender is told of it as it went. */
  function routedAs(
    given: NewPublication,
    { payload }: Said,
    { publications: [first] }: Deliveries,
  ): PublicationRecord {
    const { id, topic, senderId } = given;
    return first ?? { id, topic, payload, senderId, timestamp: clock.now(), position: { epoch: '', place: 0 } };
  }

  /** The kind of a conversation; null when its sender is no member, which storing the message finds out. */
  async function kindFor(tenant: TenantId, id: ConversationId, sender: UserId): Promise<ConversationKind | null> {
    const [[conversation], [membership]] = await Promise.all([
      engine.readConversations(tenant, [id]),
      engine.readMemberships(tenant, [{ conversationId: id, userId: sender }]),
    ]);
    return conversation && membership ? conversation.kind : null;
  }

  /** Whether rules look at messages of a conversation, as far as that is known from its id. */
  function concerns(tenant: TenantId, id: ConversationId): boolean | Promise<boolean> {
    return routing.concerns(
      tenant,
      CONVERSATIONS.filter((kind) => (kind === 'DIRECT') === isDirect(id)),
    );
  }

  /** What is answered of a message that was sent before. @throws {ServiceError} FORBIDDEN: as it was refused then. */
  async function settle(tenant: TenantId, append: Append): Promise<Sent> {
    if (append.outcome !== 'diverted') return append;
    const { fate, messageId } = append;
    if (messageId === null) throw refusal(fate);
    const [message] = await engine.readMessages(tenant, [messageId]);
    return message ? { outcome: 'duplicate', message } : { outcome: 'no-longer-kept' };
  }

  /** What is answered of a message without any rule: what was sent before, or that there is nothing it replies to. */
  async function refusedOrSent(tenant: TenantId, message: NewMessage): Promise<Sent | null> {
    const { conversationId, senderId, key, replyToId } = message;
    const earlier = key && (await engine.findSent(tenant, { conversationId, senderId, key }));
    if (earlier) return settle(tenant, earlier);
    const [target] = replyToId === null ? [] : await engine.readMessages(tenant, [replyToId]);
    return replyToId === null || target?.conversationId === conversationId ? null : { outcome: 'no-reply-target' };
  }

  async function append(
    viewer: Viewer,
    message: NewMessage,
    place: DirectPlace | null,
    journey: Journey,
  ): Promise<Sent> {
    const { tenant } = viewer;
    const { conversationId, content, payload, senderId: sender } = message;
    const store = async (said: Said): Promise<Sent> => {
      await place?.open();
      reach(journey, { kind: 'conversation', id: conversationId });
      const next = { ...message, content: said.content, payload: said.payload };
      return settle(tenant, await engine.appendMessage(tenant, next));
    };
    const concerned = concerns(tenant, conversationId);
    // The way of every message of a tenant without rules: nothing is waited for.
    if (concerned === false || !(await concerned)) return store({ content, payload });
    // Nobody but its two users sends in a direct conversation, and those do not leave it.
    const kind = place ? 'DIRECT' : await kindFor(tenant, conversationId, sender);
    if (kind === null) return store({ content, payload });
    // Before any rule: what was sent before is not routed again.
    const earlier = await refusedOrSent(tenant, message);
    if (earlier) return earlier;
    const decision = await decide(tenant, { kind, topic: conversationId, sender, content, payload }, journey);
    const outcome = await route(viewer, decision, journey, { store, isNew: (sent) => sent.outcome === 'appended' });
    if (outcome.fate === 'STORED') return outcome.stored;
    const [first] = outcome.fate === 'ROUTED' ? outcome.deliveries.messages : [];
    await noteDiverted(tenant, message, { fate: outcome.fate, messageId: first?.id ?? null });
    if (!first) throw refusal(outcome.fate);
    return { outcome: 'appended', message: first };
  }

  /** Only once all of it is delivered: until then, sent again, it is delivered to whom it has not come yet. */
  async function noteDiverted(tenant: TenantId, message: NewMessage, diversion: Diversion): Promise<void> {
    const { conversationId, senderId, key } = message;
    if (key) await engine.noteDiverted(tenant, { conversationId, senderId, key }, diversion);
  }

  async function edit(viewer: Viewer, message: MessageRecord, given: Said): Promise<MessageEdit> {
    const { tenant } = viewer;
    const { id, conversationId, senderId: sender } = message;
    const journey = setOut();
    reach(journey, { kind: 'conversation', id: conversationId });
    const store = ({ content, payload }: Said): Promise<MessageEdit> =>
      engine.editMessage(tenant, id, content, payload);
    const concerned = concerns(tenant, conversationId);
    if (concerned === false || !(await concerned)) return store(given);
    const kind = await kindFor(tenant, conversationId, sender);
    if (kind === null) return store(given);
    const decision = await decide(tenant, { kind, topic: conversationId, sender, ...given }, journey);
    const outcome = await route(viewer, decision, journey, { store, isNew: (made) => made.outcome === 'changed' });
    if (outcome.fate === 'STORED') return outcome.stored;
    // What came of it elsewhere is another message, and this one stays as it was.
    throw refusal(outcome.fate);
  }

  async function isHeld(tenant: TenantId, id: ConversationId, sender: UserId): Promise<boolean> {
    const concerned = concerns(tenant, id);
    if (concerned === false || !(await concerned)) return false;
    const kind = await kindFor(tenant, id, sender);
    return kind !== null && routing.mayDivert(tenant, { kind, topic: id, sender, content: '', payload: null });
  }

  async function finish<Stored extends { readonly outcome: string }>(
    viewer: Viewer,
    { conversationId, senderId: sender }: MessageRecord,
    given: Said,
    store: (said: Said) => Promise<Stored>,
  ): Promise<Stored> {
    const { tenant } = viewer;
    const concerned = concerns(tenant, conversationId);
    if (concerned === false || !(await concerned)) return store(given);
    const kind = await kindFor(tenant, conversationId, sender);
    if (kind === null) return store(given);
    const journey = setOut();
    reach(journey, { kind: 'conversation', id: conversationId });
    const message = { kind, topic: conversationId, sender, ...given, isWritten: true };
    const decision = await decide(tenant, message, journey);
    const isNew = (stored: Stored): boolean => stored.outcome === 'finished';
    const outcome = await route(viewer, decision, journey, { store, isNew });
    if (outcome.fate === 'STORED') return outcome.stored;
    throw refusal(outcome.fate);
  }

  return {
    isHeld,
    finish,
    publish(viewer, publishable) {
      const { topic, key } = publishable;
      return publish(viewer, publishable, setOut(key && { ...key, id: `${topic} ${key.id}` }));
    },
    append(viewer, message, place) {
      const { conversationId, clientMessageId, key } = message;
      const origin = key && { ...key, id: `${conversationId} ${key.id}` };
      return append(viewer, message, place, setOut(origin, clientMessageId));
    },
    edit,
  };
}
