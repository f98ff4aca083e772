/** A reader of an inbox over an engine whose announcements and answers a test decides on. */
import { fixedBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import type { InboxStreamEvent } from '../../src/delivery/inbox/inbox-events.ts';
import type { ConversationId, InboxReturn, Position, Retention } from '../../src/model.ts';
import { alice, bob, carol, newConversationId, silentLog, tenant, viewerOf } from '../support/world.ts';
import { TappedEngine } from './tapped-engine.ts';

/** `named`: conversations in a checkpoint. */
export function openInbox(retention: Retention = null, named = 10) {
  const tap = new TappedEngine(retention);
  const resumes: string[] = [];
  const delivery = createDelivery({
    engine: tap.engine,
    clock: tap.clock,
    log: silentLog,
    countGap: () => undefined,
    countResume: (outcome) => void resumes.push(outcome),
    streamMergeMs: 0,
    checkpointConversations: named,
  });
  const names = new Map<ConversationId, string>();
  const create = async (name: string, kind: 'GROUP' | 'DIRECT' = 'GROUP', members = [alice, bob, carol]) => {
    const id = newConversationId();
    names.set(id, name);
    await tap.steady.createConversation(tenant, {
      id,
      name,
      kind,
      createdBy: alice,
      members: members.map((userId, nth) => ({ userId, role: nth === 0 ? ('OWNER' as const) : ('MEMBER' as const) })),
    });
    return id;
  };
  return { tap, delivery, create, resumes, reader: new Reader(tap, delivery, names) };
}

/** Shows what it is told as text, and comes back where it was. */
class Reader {
  readonly events: InboxStreamEvent[] = [];
  checkpoint: InboxReturn | null = null;
  readonly since = new Map<ConversationId, Position>();
  ended: unknown;
  readonly #tap: TappedEngine;
  readonly #delivery: ReturnType<typeof createDelivery>;
  readonly #names: ReadonlyMap<ConversationId, string>;
  #stop = async (): Promise<unknown> => undefined;

  constructor(
    tap: TappedEngine,
    delivery: ReturnType<typeof createDelivery>,
    names: ReadonlyMap<ConversationId, string>,
  ) {
    this.#tap = tap;
    this.#delivery = delivery;
    this.#names = names;
  }

  async connect(): Promise<void> {
    this.ended = undefined;
    const resume = { checkpoint: this.checkpoint, positions: new Map(this.since) };
    const stream = await this.#delivery.inboxStream(fixedBearer(viewerOf(bob)), resume);
    this.#stop = () => stream.return();
    stream.pipe({
      push: (event) => this.#hear(event),
      end: (error) => {
        this.ended = error;
      },
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: resumeNow,
    });
    await this.#tap.settle();
  }

  async leave(): Promise<void> {
    await this.#stop();
    await this.#tap.settle();
  }

  /** What it was told since the last look, without checkpoints. */
  take(): string[] {
    return this.events.splice(0).flatMap((event) => this.#shown(event) ?? []);
  }

  #hear(event: InboxStreamEvent): void {
    if ('kind' in event && event.kind === 'Checkpoint') {
      const { points, ...rest } = event.position;
      this.checkpoint = { ...rest, pointOf: (id) => points.get(id) };
      this.since.clear();
    }
    if ('kind' in event && (event.kind === 'MessageSent' || event.kind === 'MessageChanged'))
      this.since.set(event.conversationId, event.message.position);
    this.events.push(event);
  }

  #shown(event: InboxStreamEvent): string | null {
    if (!('kind' in event)) return `text ${event.text}`;
    if (event.kind === 'Checkpoint') return null;
    const name = this.#names.get(event.conversationId) ?? '';
    switch (event.kind) {
      case 'MessageSent':
        return `${name}: ${event.message.content}`;
      case 'MessageChanged':
        return `${name}: ${event.change} ${event.message.content}`;
      case 'ReadMoved':
        return `${name}: ${event.userId} read ${event.sequence}`;
      case 'TypingChanged':
        return `${name}: ${event.typing.userId} ${event.typing.isTyping ? 'types' : 'stops'}`;
      case 'ConversationLeft':
      case 'ConversationReset':
        return `${name}: ${event.kind} ${event.reason}`;
      case 'ConversationJoined':
      case 'ConversationChanged':
        return `${name}: ${event.kind} ${event.conversation.name}`;
      default:
        return `${name}: ${event.kind}`;
    }
  }
}
