/**
 * The member of the consumer `$unreached`. Some time after each message the member finds users of the conversation who
 * are away and have not read the message.
 *
 * Conversations of more than `LIMITS.listedMembers` are skipped, since each message would read all members.
 */
import type { Engine } from '../engine/port.ts';
import { AS_PULLED, type EventRecord, type PulledEvents } from '../engine/shared/consumer.ts';
import type { WebhookName } from '../engine/shared/webhook.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { MessageRecord, TenantId, Unreached, UserId } from '../model.ts';
import type { WebhookMemberParts } from './member.ts';
import { Pulling } from './pulling.ts';

export class UnreachedMember {
  readonly #name: WebhookName;
  readonly #parts: WebhookMemberParts;
  readonly #pulling: Pulling;
  /** Resolves once no work is running. */
  readonly done: Promise<void>;

  constructor(name: WebhookName, parts: WebhookMemberParts) {
    this.#name = name;
    this.#parts = parts;
    this.#pulling = new Pulling(name, parts, {
      member: 'unreached',
      max: LIMITS.eventsPerPull,
      failure: 'users who were not reached not looked for',
      handle: (pulled) => this.#handle(pulled),
    });
    this.done = this.#pulling.done;
  }

  end(): void {
    this.#pulling.end();
  }

  cut(): void {
    this.end();
  }

  /** Handles each message when it is due. Messages due after the acknowledgement time are returned and pulled again. */
  async #handle({ events, token }: PulledEvents): Promise<void> {
    const { engine, clock } = this.#parts;
    const { tenant, consumer } = this.#name;
    const end = clock.elapsed() + TIMES.unreachedWaitMs;
    const returned: string[] = [];
    for (const event of [...events].sort((one, other) => one.at - other.at)) {
      const dueMs = Math.max(this.#dueAt(event) - clock.now(), 0);
      await this.#pulling.pause(Math.min(dueMs, Math.max(end - clock.elapsed(), 0)));
      if (this.#pulling.isOver || this.#dueAt(event) > clock.now()) returned.push(event.id);
      else await this.#look(event);
    }
    await engine.ackEvents(tenant, consumer, token, [], { ...AS_PULLED, returned });
  }

  #dueAt({ at }: EventRecord): number {
    return at + this.#parts.unreachedAfterMs;
  }

  async #look(event: EventRecord): Promise<void> {
    const { engine, clock } = this.#parts;
    if (event.type !== 'MESSAGE_SENT' && event.type !== 'MESSAGE_FINISHED') return;
    // A message being written is handled when it is finished.
    if (event.data.state === 'STREAMING') return;
    const { tenant } = this.#name;
    const [message] = await engine.readMessages(tenant, [event.data.id]);
    if (!message || message.deletedAt !== null) return;
    const users = await unreachedBy(engine, tenant, message, clock.now());
    await engine.noteUnreached(tenant, this.#dueAt(event), users);
  }
}

async function isDirect(engine: Engine, tenant: TenantId, { conversationId }: MessageRecord): Promise<boolean> {
  const [conversation] = await engine.readConversations(tenant, [conversationId]);
  return conversation?.kind === 'DIRECT';
}

async function unreachedBy(
  engine: Engine,
  tenant: TenantId,
  message: MessageRecord,
  now: number,
): Promise<Unreached[]> {
  const { id: messageId, conversationId, sequence, senderId } = message;
  const members = await engine.listMembers(tenant, conversationId, 0, LIMITS.listedMembers + 1);
  if (members.length > LIMITS.listedMembers) return [];
  const others = members.map(({ userId }) => userId).filter((userId) => userId !== senderId);
  const presences = await engine.readPresence(tenant, others);
  const gone = presences.filter(({ status }) => status === 'OFFLINE');
  // A member who has blocked the sender meanwhile is not notified of the direct message.
  const isBlocked = gone.some(({ blocked }) => blocked.includes(senderId)) && (await isDirect(engine, tenant, message));
  if (isBlocked) return [];
  const away = gone.map(({ userId }) => userId);
  const isUnread = async (userId: UserId): Promise<boolean> => {
    const [entry] = await engine.readListed(tenant, userId, [conversationId]);
    return entry != null && entry.readSequence < sequence && (entry.mutedUntil ?? 0) <= now;
  };
  const unread = await Promise.all(away.map(isUnread));
  const content = [...message.content].slice(0, LIMITS.unreachedCharacters).join('');
  const about = { conversationId, messageId, sequence, senderId, content };
  return away.filter((_, index) => unread[index]).map((userId) => ({ userId, ...about }));
}
