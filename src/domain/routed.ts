/** Publications and messages on their way through the routing rules. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Append, Engine, NewMessage } from '../engine/port.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  ConversationId,
  PublicationId,
  PublicationRecord,
  RuleTargets,
  TenantId,
  Topic,
  UserId,
  Viewer,
} from '../model.ts';
import { isDirect } from './conversations.ts';
import type { Decision, Routable, Routing } from './routing.ts';

export interface Routed {
  publish(viewer: Viewer, topic: Topic, payload: unknown): Promise<PublicationRecord>;
  /** @throws {ServiceError} FORBIDDEN when a rule refuses it, or sends it where there is no message. */
  append(viewer: Viewer, message: NewMessage): Promise<Append>;
}

/** The one direct conversation of two users. */
type OpenDirect = (viewer: Viewer, userId: string) => Promise<{ readonly id: ConversationId }>;

/** What is left of the deliveries that rules may make of one message, and how often it was forwarded. */
interface Journey {
  readonly hops: number;
  readonly budget: { left: number };
}

/** What a message says, wherever it goes. */
type Said = Pick<Routable, 'payload' | 'content'>;

export function createRouted(engine: Engine, clock: Clock, log: Log, routing: Routing, openDirect: OpenDirect): Routed {
  const onward = ({ hops, budget }: Journey): Journey => ({ hops: hops + 1, budget });
  const setOut = (): Journey => ({ hops: 0, budget: { left: LIMITS.routedDeliveries } });

  async function decide(tenant: TenantId, message: Routable, { hops }: Journey): Promise<Decision | null> {
    return hops < LIMITS.routingHops ? routing.decide(tenant, message) : null;
  }

  /** Hands what was said to a rule's targets; answers the messages that came of it. */
  async function deliver(viewer: Viewer, targets: RuleTargets, said: Said, journey: Journey): Promise<Append[]> {
    const appended: Append[] = [];
    const each = async (work: () => Promise<unknown>): Promise<void> => {
      if (journey.budget.left <= 0) return;
      journey.budget.left -= 1;
      try {
        await work();
      } catch (error) {
        log.warn({ tenant: viewer.tenant, err: error }, 'routed message not delivered');
      }
    };
    for (const topic of targets.topics) {
      await each(() => publish(viewer, topic, said.payload ?? said.content, onward(journey)));
    }
    for (const userId of targets.users) {
      if (userId === viewer.userId) continue;
      await each(async () => {
        const { id: conversationId } = await openDirect(viewer, userId);
        const message = { ...said, conversationId, senderId: viewer.userId, replyToId: null, clientMessageId: null };
        appended.push(await append(viewer, message, onward(journey)));
      });
    }
    return appended;
  }

  async function publish(viewer: Viewer, topic: Topic, payload: unknown, journey: Journey): Promise<PublicationRecord> {
    const { tenant, userId: sender } = viewer;
    const id = randomUUID() as string as PublicationId;
    const decision = (await routing.concerns(tenant, ['TOPIC']))
      ? await decide(tenant, { kind: 'TOPIC', topic, payload, content: '', sender }, journey)
      : null;
    const publication = { id, topic, payload: decision ? decision.payload : payload, senderId: sender };
    const said: Said = { payload: publication.payload, content: '' };
    const copies = decision?.copies ?? [];
    const record = decision?.instead
      ? { ...publication, timestamp: clock.now(), position: { epoch: '', place: 0 } }
      : await engine.publish(tenant, publication);
    if (decision?.instead) await deliver(viewer, decision.instead, said, journey);
    for (const targets of copies) await deliver(viewer, targets, said, journey);
    return record;
  }

  async function kindOf(tenant: TenantId, id: ConversationId): Promise<'DIRECT' | 'ROOM' | null> {
    if (isDirect(id)) return 'DIRECT';
    const [conversation] = await engine.readConversations(tenant, [id]);
    return conversation?.kind === 'ROOM' ? 'ROOM' : null;
  }

  async function append(viewer: Viewer, message: NewMessage, journey: Journey): Promise<Append> {
    const { tenant } = viewer;
    const { conversationId, content, payload, senderId: sender } = message;
    const concerned = routing.concerns(tenant, isDirect(conversationId) ? ['DIRECT'] : ['ROOM']);
    // The way of every message of a tenant without rules: nothing is waited for.
    if (concerned === false || !(await concerned)) return engine.appendMessage(tenant, message);
    const kind = await kindOf(tenant, conversationId);
    const [membership] = await engine.readMemberships(tenant, [{ conversationId, userId: sender as UserId }]);
    const decision =
      kind && membership
        ? await decide(tenant, { kind, topic: conversationId, payload, content, sender }, journey)
        : null;
    if (!decision) return engine.appendMessage(tenant, message);
    const said: Said = { payload: decision.payload, content };
    if (decision.instead) {
      const elsewhere = await deliver(viewer, decision.instead, said, journey);
      for (const targets of decision.copies) await deliver(viewer, targets, said, journey);
      const [first] = elsewhere;
      if (first) return first;
      throw new ServiceError('FORBIDDEN', 'A routing rule of the tenant did not let the message through.');
    }
    const appended = await engine.appendMessage(tenant, { ...message, payload: decision.payload });
    // Sent again under the same id, it was copied before.
    if (appended.outcome === 'appended') {
      for (const targets of decision.copies) await deliver(viewer, targets, said, journey);
    }
    return appended;
  }

  return {
    publish: (viewer, topic, payload) => publish(viewer, topic, payload, setOut()),
    append: (viewer, message) => append(viewer, message, setOut()),
  };
}
