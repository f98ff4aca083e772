/** What a client shows of its inbox, built only from its events and from the reads it is told to make. */
import { partsOfPosition } from '../support/position.ts';
import type { Data } from '../support/service.ts';

export const MESSAGE = 'id conversationId sequence content deletedAt position reactions { emoji count }';
export const INBOX = `subscription ($after: [ID!]) { inbox(after: $after) { __typename
  ... on MessageSent { message { ${MESSAGE} senderId } }
  ... on MessageChanged { message { ${MESSAGE} senderId } }
  ... on ConversationJoined { conversation { id name } }
  ... on ConversationLeft { conversationId }
  ... on ConversationChanged { conversation { id name } }
  ... on ConversationReset { conversationId }
  ... on ReadMoved { conversationId userId sequence }
  ... on TypingChanged { typing { conversationId userId isTyping } }
  ... on Checkpoint { position isLive unreadMessageCount } } }`;

export const placeOf = (position: string): number => partsOfPosition(position)[2];

/** A message as a picture has it. */
export const lookOf = ({ sequence, content, deletedAt, position, reactions }: Data): string =>
  JSON.stringify([sequence, content, deletedAt, placeOf(position), reactions]);

export interface ShownConversation {
  name: string | null;
  readonly messages: Map<number, Data>;
  readonly read: Map<string, number>;
  /** Whether all of it was read, not only what was told since it was joined. */
  isWhole: boolean;
}

/** A conversation as it is stored: what a reset one is read by, and what a picture is compared with. */
export interface Stored {
  readonly id: string;
  readonly name: string | null;
  readonly messages: readonly Data[];
  readonly read: ReadonlyMap<string, number>;
}

function keep({ messages }: ShownConversation, message: Data): void {
  const before = messages.get(message.sequence);
  if (!before || placeOf(before.position) <= placeOf(message.position)) messages.set(message.sequence, message);
}

function moveRead({ read }: ShownConversation, userId: string, sequence: number): void {
  read.set(userId, Math.max(read.get(userId) ?? 0, sequence));
}

interface HiddenTruth {
  readonly position: string;
  readonly read: ReadonlyMap<string, number>;
}

interface HiddenAt {
  readonly place: number;
  readonly read: ReadonlyMap<string, number>;
}

/** What was told before a conversation was hidden may still be on its way: that it was joined, and what it was then. */
function isOfBefore({ __typename, message, userId, sequence }: Data, { place, read }: HiddenAt): boolean {
  if (__typename === 'ReadMoved') return sequence <= (read.get(userId) ?? 0);
  return __typename === 'ConversationJoined' || (message !== undefined && placeOf(message.position) <= place);
}

/** The conversation of an event; a checkpoint has none. */
const idOf = ({ conversationId, message, conversation, typing }: Data): string | undefined =>
  conversationId ?? message?.conversationId ?? conversation?.id ?? typing?.conversationId;

export class Shown {
  readonly conversations = new Map<string, ShownConversation>();
  readonly breaches: string[] = [];
  /** To be read: missed events of these cannot be replayed. */
  readonly toRead = new Set<string>();
  checkpoint: string | null = null;
  unreadMessageCount: number | null = null;
  /** The position of the last message since the checkpoint, by conversation. */
  readonly since = new Map<string, string>();
  readonly #last = new Map<string, number>();
  /** Hidden conversations, each with what it was then: nothing newer may be told. */
  readonly #hidden = new Map<string, HiddenAt>();
  /** Those that a list may have left out: their next message brings them back. */
  readonly #returning = new Set<string>();
  /** A user of whom nothing new may be told in a conversation: no text past this sequence, no typing. */
  #blocked: { readonly id: string; readonly userId: string; readonly past: number; hasTyped: boolean } | null = null;
  readonly #isRepeatable: boolean;

  constructor(isRepeatable: boolean) {
    this.#isRepeatable = isRepeatable;
  }

  forget(): void {
    this.checkpoint = null;
    for (const map of [this.conversations, this.since, this.#last]) map.clear();
  }

  hide(id: string, { position, read }: HiddenTruth): void {
    this.#hidden.set(id, { place: placeOf(position), read });
  }

  unhide(id: string): void {
    if (this.#hidden.delete(id)) this.#returning.add(id);
  }

  block(id: string, userId: string, past: number): void {
    this.#blocked = { id, userId, past, hasTyped: false };
  }

  /** What somebody typed before they were blocked may still be on its way. */
  typed(userId: string): void {
    if (this.#blocked?.userId === userId) this.#blocked.hasTyped = true;
  }

  unblock(): void {
    this.#blocked = null;
  }

  show(id: string, name: string | null): ShownConversation {
    const shown = { name, messages: new Map(), read: new Map(), isWhole: false };
    this.conversations.set(id, shown);
    return shown;
  }

  /** What was told meanwhile stays. */
  takeStored({ id, name, messages, read }: Stored): void {
    const shown = this.conversations.get(id);
    if (!shown) return;
    for (const message of messages) keep(shown, message);
    for (const [user, sequence] of read) moveRead(shown, user, sequence);
    shown.name = name;
    shown.isWhole = true;
  }

  /** What was told before the list was read: of a conversation that it does not show any more there is nothing to take. */
  takeEarlier(event: Data): void {
    const id = idOf(event);
    const isNews = id === undefined || event.__typename === 'ConversationJoined' || this.#returning.has(id);
    if (isNews || this.conversations.has(id)) this.take(event);
  }

  take(event: Data): void {
    const { conversation } = event;
    const id = idOf(event) ?? '';
    switch (event.__typename) {
      case 'MessageSent':
      case 'MessageChanged':
        return this.#takeMessage(event);
      case 'ConversationJoined':
        this.show(id, conversation.name);
        return void this.#last.delete(id);
      case 'ConversationLeft':
        this.conversations.delete(id);
        return void this.since.delete(id);
      case 'ConversationReset':
        // Of one that was hidden when the list was read it may be the first.
        this.#of(event, id);
        this.#last.delete(id);
        this.since.delete(id);
        return void this.toRead.add(id);
      case 'ConversationChanged':
        this.#of(event, id).name = conversation.name;
        return;
      case 'ReadMoved':
        return moveRead(this.#of(event, id), event.userId, event.sequence);
      case 'TypingChanged':
        return void this.#of(event, id);
      case 'Checkpoint':
        this.checkpoint = event.position;
        this.unreadMessageCount = event.unreadMessageCount;
        return this.since.clear();
      default:
        this.breaches.push(`an event that nobody expects: ${JSON.stringify(event)}`);
    }
  }

  /** Judges an event as it comes: what waits until the list was read may be of what is hidden by then. */
  hear(event: Data): void {
    const { __typename, message, typing } = event;
    const id = idOf(event) ?? '';
    const hidden = this.#hidden.get(id);
    if (hidden && !isOfBefore(event, hidden)) this.breaches.push(`${__typename} in ${id}, which is hidden`);
    const blocked = this.#blocked;
    if (!blocked || blocked.id !== id) return;
    const isText =
      __typename === 'MessageSent' && message.senderId === blocked.userId && message.sequence > blocked.past;
    if (isText || (blocked.hasTyped && typing?.isTyping && typing.userId === blocked.userId))
      this.breaches.push(`${__typename} of a blocked user`);
  }

  #takeMessage({ __typename, message }: Data): void {
    const { conversationId, position, senderId, sequence } = message;
    const shown = this.#of({ __typename }, conversationId);
    const [last, place] = [this.#last.get(conversationId) ?? -1, placeOf(position)];
    if (place <= last && !this.#isRepeatable) this.breaches.push(`${__typename} at ${place} after ${last}`);
    this.#last.set(conversationId, Math.max(last, place));
    this.since.set(conversationId, position);
    keep(shown, message);
    if (__typename === 'MessageSent') moveRead(shown, senderId, sequence);
  }

  #of({ __typename }: Data, id: string): ShownConversation {
    const shown = this.conversations.get(id);
    if (shown) return shown;
    if (this.#returning.has(id)) this.toRead.add(id);
    else this.breaches.push(`${__typename} in ${id}, which was left`);
    return this.show(id, null);
  }
}
