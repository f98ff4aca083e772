/** The client's state, built from events and reads. Each event changes it once. */
import type { InboxEvent, InboxPage, MessagesPage, MessageText } from '../events.ts';
import type { Message } from '../types.ts';
import { ConversationStore, type Flags, type KeptConversation } from './conversation.ts';
import { byPlace, InboxOrder } from './inbox.ts';
import { type Reading, Readings } from './reading.ts';

/** The stored form, with a capped number of conversations. */
export interface KeptStore {
  readonly conversations: readonly KeptConversation[];
  readonly unread: number;
}
const KEPT_CONVERSATIONS = 100;

export interface StoreListener {
  /** A conversation changed; `list`: its place or its entry in the list. */
  onChange(conversationId: string): void;
  onListChange(): void;
  /** A message arrived of an unknown conversation. */
  onUnknown(): void;
  /** The shown messages have a gap. */
  onGap(conversationId: string): void;
}

export class Store {
  viewerId: string | null = null;
  readonly order = new InboxOrder();
  readonly readings = new Readings();
  readonly #conversations = new Map<string, ConversationStore>();
  readonly #listener: StoreListener;

  constructor(listener: StoreListener) {
    this.#listener = listener;
  }

  get known(): readonly ConversationStore[] {
    return [...this.#conversations.values()];
  }

  find(id: string): ConversationStore | undefined {
    return this.#conversations.get(id);
  }

  of(id: string): ConversationStore {
    const known = this.#conversations.get(id) ?? new ConversationStore(id);
    this.#conversations.set(id, known);
    return known;
  }

  /** Applies an event. Of `TypingChanged` and `Checkpoint` only the unread total belongs here. */
  apply(event: InboxEvent): void {
    switch (event.__typename) {
      case 'MessageSent':
        return this.sent(event.message);
      case 'MessageChanged':
        return this.changed(event.message);
      case 'MessageExtended':
        return this.#change(event.conversationId, event.messageId, (known) => known.extend(event));
      case 'ConversationJoined':
      case 'ConversationChanged':
        this.readings.mark(event.conversation.id);
        this.of(event.conversation.id).is(event.conversation);
        return this.#changed(event.conversation.id);
      case 'ConversationLeft':
        this.readings.mark(leftId(event.conversationId));
        this.#conversations.delete(event.conversationId);
        return this.#changed(event.conversationId);
      case 'ConversationReset':
        return this.reset(event.conversationId);
      case 'ReadMoved':
        return this.#change(event.conversationId, event.conversationId, (known) =>
          known.read(event.userId, event.sequence, this.viewerId),
        );
      case 'Checkpoint':
        if (event.unreadMessageCount === null) return;
        this.order.total(event.unreadMessageCount, this.known);
        return this.#listener.onListChange();
    }
  }

  sent(message: MessageText): void {
    const id = message.conversationId;
    this.readings.mark(message.id);
    const known = this.find(id);
    if (!known?.info) this.#listener.onUnknown();
    if (!known) return;
    const isWhole = known.sent(message, this.viewerId);
    this.#changed(id);
    if (!isWhole) this.#listener.onGap(id);
  }

  /** A conversation cannot be resumed: its state and earlier reads are outdated. */
  reset(id: string): void {
    this.readings.mark(resetId(id));
    this.#change(id, id, (known) => known.reset());
  }

  /** The caller's own settings of a conversation. */
  flagged(id: string, flags: Flags): void {
    this.#change(id, id, (known) => {
      known.flags = flags;
    });
  }

  changed(message: MessageText): void {
    this.#change(message.conversationId, message.id, (known) => known.changed(message));
  }

  /** Takes the answer to a change of this message. */
  answered(message: Message, reading: Reading): void {
    if (reading.isOutdated(message.id)) return;
    const known = this.find(message.conversationId);
    if (known && message.sequence > known.lastSequence) this.sent(message);
    else this.changed(message);
  }

  /** The caller has read up to this sequence on this device. */
  read(id: string, sequence: number): void {
    this.#change(id, id, (known) => known.read(this.viewerId ?? '', sequence, this.viewerId));
  }

  /** False: it is to be read again, since a conversation of it was reset meanwhile, or all were lost. */
  takePage({ viewer }: InboxPage, reading: Reading): boolean {
    const { inbox, unreadMessageCount } = viewer;
    if (!inbox) return true;
    if (inbox.edges.some(({ node }) => reading.isOutdated(resetId(node.conversation.id)))) return false;
    let last: ConversationStore | undefined;
    for (const { node } of inbox.edges) {
      const { id } = node.conversation;
      if (reading.isOutdated(leftId(id))) continue;
      last = this.of(id);
      last.takeEntry(node, reading);
      this.#listener.onChange(id);
    }
    this.order.extend(last, inbox.pageInfo.endCursor, inbox.pageInfo.hasNextPage);
    if (unreadMessageCount !== null) this.order.total(unreadMessageCount, this.known);
    this.#listener.onListChange();
    return true;
  }

  /** As `takePage`. */
  takeFirst(id: string, { conversation }: MessagesPage, reading: Reading): boolean {
    if (reading.isOutdated(resetId(id))) return false;
    // The conversation was left or joined meanwhile, perhaps both.
    if (reading.isOutdated(leftId(id))) return this.find(id) === undefined;
    if (!conversation) return !reading.isOutdated(id);
    const known = this.of(id);
    const isNew = known.info === null;
    known.takeFirst(conversation, this.viewerId, reading);
    if (isNew) this.order.found(known.unread);
    this.#changed(id);
    return true;
  }

  takeOlder(id: string, { conversation }: MessagesPage, reading: Reading): void {
    // Reads that began before a reset are outdated.
    if (conversation && !reading.isOutdated(resetId(id))) this.find(id)?.takeOlder(conversation, reading);
    this.#listener.onChange(id);
  }

  clear(): void {
    const ids = [...this.#conversations.keys()];
    this.readings.markAll();
    this.#conversations.clear();
    this.order.clear();
    for (const id of ids) this.#listener.onChange(id);
    this.#listener.onListChange();
  }

  keep(): KeptStore {
    const first = this.known.filter(({ info }) => info).sort(byPlace);
    const conversations = first.slice(0, KEPT_CONVERSATIONS).flatMap((known) => known.keep() ?? []);
    return { conversations, unread: this.order.unread(this.known) };
  }

  restore({ conversations, unread }: KeptStore): void {
    for (const kept of conversations) Object.assign(this.of(kept.id), kept);
    const last = [...this.known].sort(byPlace).at(-1);
    this.order.extend(last, null, true);
    this.order.total(unread, this.known);
    this.#listener.onListChange();
  }

  #change(conversationId: string, changed: string, change: (known: ConversationStore) => void): void {
    this.readings.mark(changed);
    const known = this.find(conversationId);
    if (!known) return;
    change(known);
    this.#changed(conversationId);
  }

  #changed(id: string): void {
    this.#listener.onChange(id);
    this.#listener.onListChange();
  }
}

const resetId = (id: string): string => `reset ${id}`;
const leftId = (id: string): string => `left ${id}`;
