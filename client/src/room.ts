/** One conversation, for apps. */
import { ARCHIVE, DELETE, EDIT, MARK_UNREAD, MUTE, PIN, REACT, STOP, UNREACT } from './documents.ts';
import type { Outbox, SendOptions } from './outbox.ts';
import type { Pages, Request } from './pages.ts';
import { Cell } from './readable.ts';
import type { Reads } from './reads.ts';
import type { Flags } from './store/conversation.ts';
import { entryOf } from './store/inbox.ts';
import type { Store } from './store/store.ts';
import { persistently, type StopListeners, type StreamOptions, writeStream } from './streams.ts';
import type { InboxEntry, Message, MessageList, Readable, ReadReceipt, ShownMessage } from './types.ts';
import type { OwnTyping, TypingUsers } from './typing.ts';

export interface RoomParts {
  readonly store: Store;
  readonly pages: Pages;
  readonly outbox: Outbox;
  readonly reads: Reads;
  readonly typing: TypingUsers;
  readonly ownTyping: OwnTyping;
  /** Waits for a connection, and connects if necessary. */
  readonly request: Request;
  readonly connect: () => void;
  /** Resolves when the client is live; rejects when it was closed. */
  readonly untilLive: () => Promise<void>;
  readonly stops: StopListeners;
}

export class Room {
  declare readonly id: string;
  /** The entry in the list; null while it is unknown. */
  declare readonly entry: Readable<InboxEntry | null>;
  declare readonly messages: Readable<MessageList>;
  /** The ids of other users who are typing. */
  declare readonly typing: Readable<readonly string[]>;
  /** The known read positions of members. */
  declare readonly receipts: Readable<readonly ReadReceipt[]>;
  readonly #parts: RoomParts;
  readonly #cells: readonly Cell<unknown>[];
  readonly #typing: Cell<readonly string[]>;
  #isObserved = false;

  constructor(id: string, parts: RoomParts) {
    this.id = id;
    this.#parts = parts;
    const observed = (): void => {
      this.#isObserved = true;
      this.#parts.connect();
      this.refresh();
    };
    const messages = new Cell(() => this.#list(), observed);
    const receipts = new Cell(() => this.#receipts(), observed);
    this.#typing = new Cell(() => parts.typing.of(id), parts.connect);
    const entry = new Cell(() => this.#entry(), parts.connect);
    this.messages = messages;
    this.receipts = receipts;
    this.typing = this.#typing;
    this.entry = entry;
    this.#cells = [messages, receipts, entry];
  }

  /** Its messages or its fields changed. */
  changed(): void {
    for (const cell of this.#cells) cell.changed();
  }

  /** Others began or ended to type. */
  typed(): void {
    this.#typing.changed();
  }

  /** Reads the messages, if they have a subscriber and are not loaded. */
  refresh(): void {
    if (this.#isObserved && !this.#parts.store.find(this.id)?.isJoined) void this.#parts.pages.first(this.id);
  }

  /** Reads older messages; resolves when they are loaded or failed. */
  loadOlder(): Promise<void> {
    this.#parts.connect();
    return this.#parts.pages.older(this.id);
  }

  /**
   * Sends a message at once, or when there is a connection, also after a reload. Resolves with its `clientMessageId`
   * once it is stored; `messages` shows its state.
   */
  send(content: string, options: SendOptions = {}): Promise<string> {
    this.#parts.connect();
    this.#parts.ownTyping.ended(this.id);
    return this.#parts.outbox.add(this.id, content, options);
  }

  /** Sends a failed message again. Takes its `key`. */
  retry(key: string): Promise<void> {
    return this.#parts.outbox.retry(key);
  }

  /** Drops a failed message. Takes its `key`. */
  discard(key: string): Promise<void> {
    return this.#parts.outbox.discard(key);
  }

  /** Edits a message. Rejects with a `RequestError`, or with `Disconnected`, after which it may have been done. */
  edit(messageId: string, content: string, payload: unknown = null): Promise<void> {
    return this.#change(EDIT, { id: messageId, content, payload });
  }

  /** As `edit`. */
  delete(messageId: string): Promise<void> {
    return this.#change(DELETE, { id: messageId });
  }

  /** Adds or removes the caller's reaction. Rejects as `edit` does. */
  react(messageId: string, emoji: string, isOn = true): Promise<void> {
    return this.#change(isOn ? REACT : UNREACT, { id: messageId, emoji });
  }

  /** Marks messages as read up to this sequence, or all. Shown at once, and sent to the service soon. */
  markRead(sequence?: number): void {
    const { store, reads } = this.#parts;
    const known = store.find(this.id);
    const to = sequence ?? known?.lastSequence ?? 0;
    if (to < 1 || (known && known.readSequence >= to && !known.flags.isMarkedUnread)) return;
    store.read(this.id, to);
    reads.add(this.id, to);
  }

  /** Mutes the conversation until a time; null: unmutes it. Rejects as `edit` does. */
  mute(until: Date | null): Promise<void> {
    return this.#flag(MUTE, { until: until?.toISOString() ?? null });
  }

  /** Archives the conversation until its next message. Rejects as `edit` does. */
  archive(isArchived = true): Promise<void> {
    return this.#flag(ARCHIVE, { is: isArchived });
  }

  /** As `edit`. */
  pin(isPinned = true): Promise<void> {
    return this.#flag(PIN, { is: isPinned });
  }

  /** As `edit`. */
  markUnread(): Promise<void> {
    return this.#flag(MARK_UNREAD, {});
  }

  /** Shows that the caller types: call it at each key; the service gets one call in three seconds. False: stopped. */
  setTyping(isTyping: boolean): void {
    this.#parts.ownTyping.set(this.id, isTyping);
  }

  /**
   * Writes a streamed message from an iterable, also across disconnects. Rejects with the iterable's error, or with a
   * `RequestError`; the text so far then stays, `ABORTED`.
   */
  stream(texts: AsyncIterable<string>, options: StreamOptions = {}): Promise<Message> {
    this.#parts.connect();
    const { request, untilLive, stops } = this.#parts;
    return writeStream({ ask: persistently(request, untilLive), stops }, this.id, texts, options);
  }

  /**
   * Asks the writer of a message to stop. Takes the id of the message, or of the message it replies to. Rejects as
   * `edit` does.
   */
  async stop(messageId: string): Promise<void> {
    await this.#parts.request(STOP, { id: messageId });
  }

  async #flag(query: string, variables: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await this.#parts.request<Readonly<Record<string, Flags>>>(query, { id: this.id, ...variables });
    for (const flags of Object.values(answer)) this.#parts.store.flagged(this.id, flags);
  }

  async #change(query: string, variables: Readonly<Record<string, unknown>>): Promise<void> {
    const { store, request } = this.#parts;
    await store.readings.during(
      () => request<Readonly<Record<string, Message | null>>>(query, variables),
      (answer, reading) => {
        for (const message of Object.values(answer)) if (message) store.answered(message, reading);
      },
    );
  }

  #list(): MessageList {
    const { store, pages, outbox } = this.#parts;
    const known = store.find(this.id);
    const sent = (known?.messages ?? []).map((message) => sentOf(message, store.viewerId));
    const keys = new Set(sent.map(({ key }) => key));
    const unsent = outbox.of(this.id).filter(({ key }) => !keys.has(key));
    const messages: ShownMessage[] = [...sent, ...unsent];
    const error = pages.errorOf(this.id);
    const hasOlder = known?.hasOlder ?? true;
    return {
      messages,
      isLoaded: sent.length > 0 || !hasOlder,
      isLoading: pages.isReading(this.id),
      hasOlder: hasOlder && !error,
      error,
    };
  }

  #receipts(): ReadReceipt[] {
    const receipts = this.#parts.store.find(this.id)?.receipts ?? [];
    return [...receipts].map(([userId, sequence]) => ({ userId, sequence }));
  }

  #entry(): InboxEntry | null {
    const known = this.#parts.store.find(this.id);
    return (known && entryOf(known)[0]) ?? null;
  }
}

const shown = new WeakMap<Message, ShownMessage & { readonly status: 'sent' }>();

/** The same object for an unchanged message, so that a list renders only changes. */
function sentOf(message: Message, viewerId: string | null): ShownMessage & { readonly status: 'sent' } {
  const known = shown.get(message);
  if (known) return known;
  const own = message.senderId === viewerId ? message.clientMessageId : null;
  const made = { ...message, status: 'sent' as const, key: own ?? message.id };
  shown.set(message, made);
  return made;
}
