/** The known state of one conversation: its fields, its last messages, and read positions. */
import type { ConversationNow, EntryNow, Extension, MessagesPage, MessageText } from '../events.ts';
import type { ConversationInfo, InboxEntry, Message } from '../types.ts';
import type { Reading } from './reading.ts';
import { extended } from './text.ts';

export type Flags = Pick<InboxEntry, 'mutedUntil' | 'isArchived' | 'isPinned' | 'isMarkedUnread'>;
const NO_FLAGS: Flags = { mutedUntil: null, isArchived: false, isPinned: false, isMarkedUnread: false };

/** The stored form. */
export interface KeptConversation {
  readonly id: string;
  readonly info: ConversationInfo;
  readonly flags: Flags;
  readonly lastMessage: Message | null;
  readonly lastSequence: number;
  readonly readSequence: number;
}

/** What a page or an event tells of a conversation besides its own fields. */
type Besides = Partial<EntryNow['conversation'] & NonNullable<MessagesPage['conversation']>>;

function infoOf(now: ConversationNow & Besides): ConversationInfo {
  const { lastSequence, unreadMessageCount, lastMessage, messages, readReceipts, ...info } = now;
  return info;
}

export class ConversationStore {
  readonly id: string;
  info: ConversationInfo | null = null;
  flags: Flags = NO_FLAGS;
  lastMessage: Message | null = null;
  lastSequence = 0;
  readSequence = 0;
  /** The known read position of each member. */
  readonly receipts = new Map<string, number>();
  /** The last messages without a gap; empty until they are loaded. */
  messages: Message[] = [];
  /** Whether `messages` goes up to the last message. */
  isJoined = false;
  olderCursor: string | null = null;
  hasOlder = true;
  /** A first page is being read. */
  isReading = false;
  /** The state is outdated, and was not read again yet. */
  isStale = false;
  /** Events that arrived during the read of the first page, which may lack them. */
  #early: (Message | Extension)[] = [];

  constructor(id: string) {
    this.id = id;
  }

  get unread(): number {
    return Math.max(0, this.lastSequence - this.readSequence);
  }

  /** A new message. Returns whether it follows without a gap. */
  sent(text: MessageText, viewerId: string | null): boolean {
    const message = this.#whole(text);
    this.lastSequence = Math.max(this.lastSequence, message.sequence);
    this.read(message.senderId, message.sequence, viewerId);
    if (message.sequence >= (this.lastMessage?.sequence ?? 0)) this.lastMessage = message;
    this.flags = { ...this.flags, isArchived: false };
    if (this.info) this.info = { ...this.info, lastActivityAt: later(this.info.lastActivityAt, message.timestamp) };
    if (!this.isJoined) return this.#keepEarly(message);
    const end = this.messages.at(-1)?.sequence;
    if (end !== undefined && message.sequence > end + 1) return false;
    this.#put(message);
    return true;
  }

  changed(text: MessageText): void {
    const message = this.#whole(text);
    if (this.lastMessage?.id === message.id) this.lastMessage = message;
    if (!this.isJoined) this.#keepEarly(message);
    else if (this.#shown(message)) this.#put(message);
  }

  extend(extension: Extension): void {
    const at = this.messages.findIndex(({ id }) => id === extension.messageId);
    const known = this.messages[at];
    if (known) this.messages = replaced(this.messages, at, extended(known, extension));
    if (!this.isJoined) this.#keepEarly(extension);
    if (this.lastMessage?.id === extension.messageId) this.lastMessage = extended(this.lastMessage, extension);
  }

  read(userId: string, sequence: number, viewerId: string | null): void {
    this.receipts.set(userId, Math.max(sequence, this.receipts.get(userId) ?? 0));
    if (userId !== viewerId) return;
    this.readSequence = Math.max(this.readSequence, sequence);
    this.flags = { ...this.flags, isMarkedUnread: false };
  }

  /** Takes the present state, from an event or an answer. */
  is(now: ConversationNow): void {
    const lastActivityAt = later(this.info?.lastActivityAt ?? null, now.lastActivityAt);
    this.info = { ...infoOf(now), lastActivityAt };
    this.lastSequence = Math.max(this.lastSequence, now.lastSequence);
    this.readSequence = Math.max(this.readSequence, now.lastSequence - now.unreadMessageCount);
  }

  takeEntry({ conversation, ...flags }: EntryNow, reading: Reading): void {
    if (!reading.isOutdated(this.id)) this.flags = flags;
    this.#takeNow(conversation, conversation.lastMessage, reading);
  }

  takeFirst(page: NonNullable<MessagesPage['conversation']>, viewerId: string | null, reading: Reading): void {
    this.#takeNow(page as ConversationNow, page.lastMessage ?? null, reading);
    for (const { user, sequence } of page.readReceipts?.nodes ?? []) this.read(user.id, sequence, viewerId);
    this.messages = [...page.messages.nodes];
    this.isJoined = true;
    this.#beginsAt(page);
    for (const early of this.#early.splice(0)) {
      if ('messageId' in early) this.extend(early);
      else this.#put(early);
    }
  }

  takeOlder(page: NonNullable<MessagesPage['conversation']>, reading: Reading): void {
    const [first] = this.messages;
    const older = page.messages.nodes.filter(
      ({ id, sequence }) => !(first && sequence >= first.sequence) && !reading.isOutdated(id),
    );
    this.messages = [...older, ...this.messages];
    this.#beginsAt(page);
  }

  /** Marks the state as outdated. The messages stay visible until they are read again. */
  reset(): void {
    this.isStale = true;
    this.isJoined = false;
    this.#early = [];
    this.lastMessage = null;
    this.lastSequence = this.readSequence = 0;
    this.receipts.clear();
  }

  beginReading(): void {
    this.isReading = true;
    this.#early = [];
  }

  keep(): KeptConversation | null {
    const { id, info, flags, lastMessage, lastSequence, readSequence } = this;
    return info && !this.isStale ? { id, info, flags, lastMessage, lastSequence, readSequence } : null;
  }

  #takeNow(now: ConversationNow, lastMessage: Message | null, reading: Reading): void {
    const before = this.lastMessage;
    const known = reading.isOutdated(this.id) ? this.info : null;
    this.is(now);
    this.isStale = false;
    if (known && this.info) this.info = { ...known, lastActivityAt: this.info.lastActivityAt };
    if (!before || (lastMessage && !reading.isOutdated(lastMessage.id) && lastMessage.sequence >= before.sequence))
      this.lastMessage = lastMessage;
  }

  /** No gap can result at the end of the shown messages. */
  #keepEarly(early: Message | Extension): true {
    if (this.isReading) this.#early.push(early);
    return true;
  }

  #beginsAt({ messages: { pageInfo } }: NonNullable<MessagesPage['conversation']>): void {
    this.hasOlder = pageInfo.hasPreviousPage;
    this.olderCursor = pageInfo.startCursor ?? this.olderCursor;
  }

  /** Adds reactions, which an event of a new message lacks. */
  #whole(text: MessageText): Message {
    if (text.reactions) return text as Message;
    const last = this.lastMessage?.id === text.id ? this.lastMessage : null;
    return { ...text, reactions: (this.#shown(text) ?? last)?.reactions ?? [] };
  }

  /** The message with this id, if it is loaded. */
  #shown({ id, sequence }: Pick<Message, 'id' | 'sequence'>): Message | null {
    const message = this.messages[sequence - (this.messages[0]?.sequence ?? 0)];
    return message?.id === id ? message : null;
  }

  /** Puts a message at its place, since sequences have no gaps. */
  #put(message: Message): void {
    const at = message.sequence - (this.messages[0] ?? message).sequence;
    if (at >= 0 && at <= this.messages.length) this.messages = replaced(this.messages, at, message);
  }
}

const later = (one: string | null, other: string | null): string | null => ((one ?? '') > (other ?? '') ? one : other);

/** A copy with this message at this place. */
function replaced(messages: readonly Message[], at: number, message: Message): Message[] {
  const copy = [...messages];
  copy[at] = message;
  return copy;
}
