/** Publications, messages and edits on their way through the routing rules. */
import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Append, Engine, MessageEdit, NewMessage } from '../engine/port.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  ConversationId,
  ConversationKind,
  MessageRecord,
  PublicationId,
  PublicationRecord,
  RoutingRuleId,
  TenantId,
  Topic,
  UserId,
  Viewer,
} from '../model.ts';
import { isDirect } from './conversations.ts';
import type { Decision, Routing, RuleDelivery } from './routing.ts';
import type { Routable, Said } from './rule-run.ts';

/**
 * Each is stored as the rules would have it.
 *
 * @throws {ServiceError} FORBIDDEN: `DROPPED` by a rule, `RULE_FAILED` where a rule that failed
 * refuses, `ROUTED` when it went elsewhere and nothing came of it that could be answered.
 */
export interface Routed {
  publish(viewer: Viewer, topic: Topic, payload: unknown): Promise<PublicationRecord>;
  append(viewer: Viewer, message: NewMessage): Promise<Append>;
  edit(viewer: Viewer, message: MessageRecord, said: Said): Promise<MessageEdit>;
}

/** The one direct conversation of two users. */
type OpenDirect = (viewer: Viewer, userId: string) => Promise<{ readonly id: ConversationId }>;

/** How often a message was forwarded, what is left of the deliveries that rules may make of it, and how a repeated one is known. */
interface Journey {
  readonly hops: number;
  readonly budget: { left: number };
  readonly key: string | null;
}

/** What came of a rule's targets. */
interface Deliveries {
  readonly appends: Append[];
  readonly publications: PublicationRecord[];
  /** Why one could not be made that may be made later. */
  outage: ServiceError | null;
}

/** What a message is stored by, and whether it is new: a repeated one was copied before. */
interface Storing<Stored> {
  store(said: Said): Promise<Stored>;
  isNew(stored: Stored): boolean;
}

const CONVERSATIONS: readonly ConversationKind[] = ['DIRECT', 'GROUP', 'ROOM'];

/** The key of what a rule makes of a message for one target: the same again is recognised there. */
function keyFor(key: string, rule: RoutingRuleId, target: string): string {
  return `routed:${createHash('sha256')
    .update(JSON.stringify([key, rule, target]))
    .digest('base64url')}`;
}

const setOut = (key: string | null): Journey => ({ hops: 0, budget: { left: LIMITS.routedDeliveries }, key });

function refusal(fate: 'DROP' | 'REFUSE' | 'FORWARD'): ServiceError {
  const [reason, message] = {
    DROP: ['DROPPED', 'A routing rule of the tenant did not let it through.'],
    REFUSE: ['RULE_FAILED', 'A routing rule of the tenant failed, and lets nothing through then.'],
    FORWARD: ['ROUTED', 'A routing rule of the tenant sent it elsewhere.'],
  }[fate] as ['DROPPED' | 'RULE_FAILED' | 'ROUTED', string];
  return new ServiceError('FORBIDDEN', message, { reason });
}

export function createRouted(engine: Engine, clock: Clock, log: Log, routing: Routing, openDirect: OpenDirect): Routed {
  async function decide(tenant: TenantId, message: Routable, { hops }: Journey): Promise<Decision> {
    if (hops < LIMITS.routingHops) return routing.decide(tenant, message);
    return { fate: 'STORE', said: message, forward: null, copies: [] };
  }

  /** Hands what was said to a rule's targets; one that fails leaves the others. */
  async function deliver(
    viewer: Viewer,
    { rule, targets }: RuleDelivery,
    said: Said,
    { hops, budget, key }: Journey,
  ): Promise<Deliveries> {
    const made: Deliveries = { appends: [], publications: [], outage: null };
    const each = async (target: string, work: (journey: Journey) => Promise<unknown>): Promise<void> => {
      if (budget.left <= 0) return;
      budget.left -= 1;
      try {
        await work({ hops: hops + 1, budget, key: key && keyFor(key, rule, target) });
      } catch (error) {
        log.warn({ tenant: viewer.tenant, err: error }, 'routed message not delivered');
        if (error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE') made.outage = error;
      }
    };
    for (const topic of targets.topics) {
      await each(topic, async (journey) => {
        made.publications.push(await publish(viewer, topic, said.payload ?? said.content, journey));
      });
    }
    for (const userId of targets.users) {
      if (userId === viewer.userId) continue;
      await each(userId, async (journey) => {
        const { id: conversationId } = await openDirect(viewer, userId);
        const { content, payload } = said;
        const message = { content, payload, conversationId, senderId: viewer.userId, replyToId: null };
        made.appends.push(await append(viewer, { ...message, clientMessageId: journey.key }, journey));
      });
    }
    return made;
  }

  /** Stores what the rules let through, and delivers what they make of it; what went elsewhere is answered by what came of it. */
  async function route<Stored>(
    viewer: Viewer,
    { fate, said, forward, copies }: Decision,
    journey: Journey,
    { store, isNew }: Storing<Stored>,
  ): Promise<Stored | Deliveries> {
    if (fate === 'REFUSE') throw refusal(fate);
    const stored = fate === 'STORE' ? await store(said) : null;
    const elsewhere = forward && (await deliver(viewer, forward, said, journey));
    if (stored === null || isNew(stored)) for (const copy of copies) await deliver(viewer, copy, said, journey);
    if (elsewhere?.outage) throw elsewhere.outage;
    if (stored ?? elsewhere) return (stored ?? elsewhere) as Stored | Deliveries;
    throw refusal('DROP');
  }

  async function publish(viewer: Viewer, topic: Topic, payload: unknown, journey: Journey): Promise<PublicationRecord> {
    const { tenant, userId: sender } = viewer;
    const id = randomUUID() as string as PublicationId;
    const store = ({ payload: routed }: Said): Promise<PublicationRecord> =>
      engine.publish(tenant, { id, topic, payload: routed, senderId: sender, idempotencyKey: journey.key });
    const concerned = routing.concerns(tenant, ['TOPIC']);
    if (concerned === false || !(await concerned)) return store({ content: '', payload });
    const decision = await decide(tenant, { kind: 'TOPIC', topic, payload, content: '', sender }, journey);
    const done = await route(viewer, decision, journey, { store, isNew: (record) => record.id === id });
    if ('id' in done) return done;
    const [first] = done.publications;
    // What went to users only is no publication any more; its sender is told of it as it went.
    const position = { epoch: '', place: 0 };
    return first ?? { id, topic, payload: decision.said.payload, senderId: sender, timestamp: clock.now(), position };
  }

  /** What rules see of a message of a conversation; null when its sender is no member, which storing it finds out. */
  async function routable(tenant: TenantId, id: ConversationId, sender: UserId, said: Said): Promise<Routable | null> {
    const [[conversation], [membership]] = await Promise.all([
      engine.readConversations(tenant, [id]),
      engine.readMemberships(tenant, [{ conversationId: id, userId: sender }]),
    ]);
    return conversation && membership ? { kind: conversation.kind, topic: id, sender, ...said } : null;
  }

  /** Whether rules look at messages of a conversation, as far as that is known from its id. */
  function concerns(tenant: TenantId, id: ConversationId): boolean | Promise<boolean> {
    return routing.concerns(
      tenant,
      CONVERSATIONS.filter((kind) => (kind === 'DIRECT') === isDirect(id)),
    );
  }

  async function append(viewer: Viewer, message: NewMessage, journey: Journey): Promise<Append> {
    const { tenant } = viewer;
    const { conversationId, content, payload, senderId } = message;
    const store = (said: Said): Promise<Append> =>
      engine.appendMessage(tenant, { ...message, content: said.content, payload: said.payload });
    const concerned = concerns(tenant, conversationId);
    // The way of every message of a tenant without rules: nothing is waited for.
    if (concerned === false || !(await concerned)) return engine.appendMessage(tenant, message);
    const seen = await routable(tenant, conversationId, senderId, { content, payload });
    if (!seen) return engine.appendMessage(tenant, message);
    const decision = await decide(tenant, seen, journey);
    const isNew = ({ outcome }: Append): boolean => outcome === 'appended';
    const done = await route(viewer, decision, journey, { store, isNew });
    if ('outcome' in done) return done;
    const [first] = done.appends;
    if (first) return first;
    throw refusal('FORWARD');
  }

  async function edit(viewer: Viewer, message: MessageRecord, given: Said): Promise<MessageEdit> {
    const { tenant } = viewer;
    const { id, conversationId, senderId } = message;
    const store = ({ content, payload }: Said): Promise<MessageEdit> =>
      engine.editMessage(tenant, id, content, payload);
    const concerned = concerns(tenant, conversationId);
    if (concerned === false || !(await concerned)) return store(given);
    const seen = await routable(tenant, conversationId, senderId, given);
    if (!seen) return store(given);
    const journey = setOut(null);
    const isNew = ({ outcome }: MessageEdit): boolean => outcome === 'changed';
    const done = await route(viewer, await decide(tenant, seen, journey), journey, { store, isNew });
    if ('outcome' in done) return done;
    // What came of it elsewhere is another message, and this one stays as it was.
    throw refusal('FORWARD');
  }

  return {
    publish: (viewer, topic, payload) => publish(viewer, topic, payload, setOut(null)),
    append: (viewer, message) =>
      append(
        viewer,
        message,
        setOut(message.clientMessageId && `${message.conversationId} ${message.clientMessageId}`),
      ),
    edit,
  };
}
