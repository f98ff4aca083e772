/** What a client shows of its inbox, built only from the stream and from the reads it asks for. */
import type { InboxStreamEvent } from '../../src/delivery/inbox/inbox-events.ts';
import type { Engine } from '../../src/engine/port.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, InboxReturn, MessageRecord, Position, UserId } from '../../src/model.ts';
import { tenant } from '../support/world.ts';

interface Shown {
  name: string | null;
  readonly messages: Map<number, MessageRecord>;
  readonly read: Map<UserId, number>;
  /** Whether all of it was read, not only what was told since it was joined. */
  isWhole: boolean;
}

const EVERYTHING = { after: 0, before: null, limit: LIMITS.pageSize, from: 'first' } as const;

/** A message as a picture has it. */
const lookOf = ({ sequence, content, deletedAt, reactions, position }: MessageRecord): string =>
  JSON.stringify([sequence, content, deletedAt, reactions, position.place]);

export class Picture {
  readonly shown = new Map<ConversationId, Shown>();
  readonly breaches: string[] = [];
  readonly #engine: Engine;
  readonly #isRepeatable: boolean;
  /** The positions received since the last checkpoint. */
  readonly #since = new Map<ConversationId, Position>();
  /** Those of all that was told, in each conversation the last. */
  readonly #last = new Map<ConversationId, number>();
  /** Hidden from the user until the next message, each with the place past which nothing of it may be told; null: it may. */
  readonly #hidden = new Map<ConversationId, Position | null>();
  /** What they show may be old until they are read. */
  readonly #stale = new Set<ConversationId>();
  #checkpoint: InboxReturn | null = null;
  readonly #toRead = new Set<ConversationId>();

  /** `isRepeatable`: what followed a checkpoint may come again. */
  constructor(engine: Engine, isRepeatable: boolean) {
    this.#engine = engine;
    this.#isRepeatable = isRepeatable;
  }

  get resume(): { readonly checkpoint: InboxReturn | null; readonly positions: ReadonlyMap<ConversationId, Position> } {
    return { checkpoint: this.#checkpoint, positions: new Map(this.#since) };
  }

  /** Nothing of what it shows holds: the list is read anew. */
  forget(): void {
    this.#checkpoint = null;
    for (const map of [this.#since, this.#last, this.shown]) map.clear();
  }

  /** Reads the list, and all that is in it. */
  async begin(user: UserId): Promise<void> {
    this.forget();
    for (const id of await this.#engine.listConversationIds(tenant, user)) this.#show(id, null);
    for (const id of this.shown.keys()) this.#toRead.add(id);
    await this.read();
  }

  hide(id: ConversationId, at: Position | null): void {
    this.#hidden.set(id, at);
  }

  unhide(id: ConversationId): void {
    // A checkpoint that names few conversations may not name this one: what happened before it is told no more.
    if (this.#hidden.delete(id) && this.#isRepeatable) this.#stale.add(id);
  }

  /** Whether an event is of what was hidden before it happened. That it was joined happened before. */
  #isOfHidden(event: InboxStreamEvent): boolean {
    const at = 'conversationId' in event && this.#hidden.get(event.conversationId);
    if (!at || ('kind' in event && event.kind === 'ConversationJoined')) return false;
    return !('message' in event) || event.message.position.place > at.place;
  }

  take(event: InboxStreamEvent): void {
    if (this.#isOfHidden(event)) this.breaches.push(`told of what is hidden: ${JSON.stringify(event)}`);
    if (!('kind' in event)) return void this.#of({ kind: 'MessageExtended', ...event });
    switch (event.kind) {
      case 'MessageSent':
      case 'MessageChanged':
        return this.#takeMessage(event.message, event.kind);
      case 'ConversationJoined':
        this.#show(event.conversationId, event.conversation.name);
        return void this.#last.delete(event.conversationId);
      case 'ConversationChanged':
        this.#of(event).name = event.conversation.name;
        return;
      case 'ConversationLeft':
        this.shown.delete(event.conversationId);
        return void this.#since.delete(event.conversationId);
      case 'ConversationReset':
        this.#last.delete(event.conversationId);
        this.#since.delete(event.conversationId);
        return void this.#toRead.add(event.conversationId);
      case 'TypingChanged':
      case 'MessageStopRequested':
        return void this.#of(event);
      case 'ReadMoved':
        return this.#takeRead(this.#of(event), event.userId, event.sequence);
      case 'Checkpoint': {
        const { points, ...position } = event.position;
        this.#checkpoint = { ...position, pointOf: (id) => points.get(id) };
        return this.#since.clear();
      }
    }
  }

  /** Reads what it was told to. */
  async read(): Promise<void> {
    for (const id of [...this.#toRead]) {
      this.#toRead.delete(id);
      this.#stale.delete(id);
      const shown = this.shown.get(id);
      const [conversation] = await this.#engine.readConversations(tenant, [id]);
      if (!shown || !conversation) continue;
      const { messages } = await this.#engine.listMessages(tenant, id, EVERYTHING);
      for (const message of messages) keep(shown, message);
      const receipts = await this.#engine.listReadReceipts(tenant, id, 0, LIMITS.pageSize);
      for (const { userId, sequence } of receipts) this.#takeRead(shown, userId, sequence);
      shown.name = conversation.name;
      shown.isWhole = true;
    }
  }

  /** How it differs from what the conversations themselves say. */
  async differences(user: UserId): Promise<string[]> {
    const engine = this.#engine;
    const ids = await engine.listConversationIds(tenant, user);
    const alien = [...this.shown.keys()].filter((id) => !ids.includes(id)).map((id) => `${id}: shown, and left`);
    const all = await Promise.all(
      ids.map(async (id) => {
        if (this.#hidden.has(id) || this.#stale.has(id)) return [];
        const shown = this.shown.get(id);
        if (!shown) return [`${id}: not shown`];
        const [[conversation], [membership], { messages }, receipts] = await Promise.all([
          engine.readConversations(tenant, [id]),
          engine.readMemberships(tenant, [{ conversationId: id, userId: user }]),
          engine.listMessages(tenant, id, EVERYTHING),
          engine.listReadReceipts(tenant, id, 0, LIMITS.pageSize),
        ]);
        const from = shown.isWhole ? 0 : (membership?.joinedPosition.place ?? 0);
        const due = messages.filter(({ position }) => position.place > from).map(lookOf);
        const is = [...shown.messages.values()].sort((a, b) => a.sequence - b.sequence).map(lookOf);
        const reads = receipts.filter(({ userId, sequence }) =>
          shown.isWhole ? shown.read.get(userId) !== sequence : (shown.read.get(userId) ?? sequence) !== sequence,
        );
        return [
          ...(conversation?.name === shown.name ? [] : [`${id}: ${shown.name} is ${conversation?.name}`]),
          ...(JSON.stringify(is) === JSON.stringify(due) ? [] : [`${id}: ${is} is ${due}`]),
          ...reads.map(({ userId, sequence }) => `${id}: ${userId} read ${shown.read.get(userId)}, not ${sequence}`),
        ];
      }),
    );
    return [...alien, ...all.flat()];
  }

  #takeMessage(message: MessageRecord, kind: string): void {
    const { conversationId, position } = message;
    const shown = this.shown.get(conversationId);
    if (!shown) return void this.breaches.push(`${kind} in ${conversationId}, which was left`);
    const last = this.#last.get(conversationId) ?? -1;
    if (position.place <= last && !this.#isRepeatable) this.breaches.push(`${kind} at ${position.place} after ${last}`);
    this.#last.set(conversationId, Math.max(last, position.place));
    this.#since.set(conversationId, position);
    keep(shown, message);
    if (kind === 'MessageSent') this.#takeRead(shown, message.senderId, message.sequence);
  }

  #takeRead({ read }: Shown, userId: UserId, sequence: number): void {
    read.set(userId, Math.max(read.get(userId) ?? 0, sequence));
  }

  #of({ kind, conversationId }: { readonly kind: string; readonly conversationId: ConversationId }): Shown {
    if (!this.shown.has(conversationId)) this.breaches.push(`${kind} in ${conversationId}, which was left`);
    return this.shown.get(conversationId) ?? this.#show(conversationId, null);
  }

  #show(id: ConversationId, name: string | null): Shown {
    const shown = { name, messages: new Map(), read: new Map(), isWhole: false };
    this.shown.set(id, shown);
    return shown;
  }
}

function keep({ messages }: Shown, message: MessageRecord): void {
  const before = messages.get(message.sequence);
  if (!before || before.position.place <= message.position.place) messages.set(message.sequence, message);
}
