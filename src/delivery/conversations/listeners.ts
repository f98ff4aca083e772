/** The listeners of a conversation's channel, by the kinds of events that they take. */
import type { Engine, LeaveReason, ReadMove } from '../../engine/port.ts';
import type { ServiceError } from '../../errors.ts';
import type {
  ConversationId,
  ConversationRecord,
  Membership,
  MessageChange,
  MessageRecord,
  Position,
  TenantId,
  TypingRecord,
  UserId,
} from '../../model.ts';
import type { ExtendedText, WrittenMessage } from './written-message.ts';

/** The cause of a change of a conversation: a message was sent, a member has read, or any other. */
export type ConversationCause = 'SENT' | 'READ' | 'CHANGED';

/** A read position that moved. Shared by all recipients. */
export interface ReadMoved extends ReadMove {
  readonly conversationId: ConversationId;
}

/** The events for a listener. Calls are synchronous and must not throw. */
export interface ChannelListener {
  /** The user whose membership the listener depends on; null: none, or not yet. */
  readonly member: UserId | null;
  isOf(membership: Membership | null): boolean;
  /** Whether it takes changes of the conversation itself. For other listeners such a change is free. */
  readonly takesConversation: boolean;
  onMessage(change: MessageChange | null, message: MessageRecord): void;
  /** The log's head, just read. A listener past it may hold entries that the log has lost. */
  onHead(position: Position): void;
  onConversation(conversation: ConversationRecord, cause: ConversationCause): void;
  /** Whether it takes read positions. */
  readonly takesReads: boolean;
  onRead(moved: ReadMoved): void;
  onTyping(typing: TypingRecord): void;
  /** Whether it takes text that is added to messages. */
  readonly takesText: boolean;
  /** Text added to a message since the last call; the event is shared by all listeners. */
  onExtended(event: ExtendedText, written: WrittenMessage): void;
  /** The channel has passed on everything it received; called for listeners that take text. */
  onSettled(): void;
  /** The writer of the message is asked to stop. */
  onStop(message: MessageRecord): void;
  /** These users are no longer members. Null: the reason is unknown. */
  onLeft(userIds: readonly UserId[], why: LeaveReason | null): void;
  /** The channel cannot continue for this reason; nothing follows. */
  onChannelEnd(error: ServiceError): void;
}

export class Listeners {
  readonly #all = new Set<ChannelListener>();
  /** Listeners that take changes of the conversation itself. */
  readonly #watchers = new Set<ChannelListener>();
  /** Listeners that take text. */
  readonly #readers = new Set<ChannelListener>();

  add(listener: ChannelListener): void {
    this.#all.add(listener);
    if (listener.takesConversation) this.#watchers.add(listener);
    if (listener.takesText) this.#readers.add(listener);
  }

  remove(listener: ChannelListener): void {
    this.#all.delete(listener);
    this.#watchers.delete(listener);
    this.#readers.delete(listener);
  }

  clear(): void {
    for (const set of [this.#all, this.#watchers, this.#readers]) set.clear();
  }

  /** Listeners may be removed meanwhile. */
  each(tell: (listener: ChannelListener) => void): void {
    for (const listener of [...this.#all]) tell(listener);
  }

  deliverMessage(change: MessageChange | null, message: MessageRecord): void {
    // The set is not copied: a listener that leaves during the loop gets no call, and none can join within a
    // synchronous call.
    for (const listener of this.#all) listener.onMessage(change, message);
  }

  deliverConversation(conversation: ConversationRecord, cause: ConversationCause): void {
    for (const watcher of [...this.#watchers]) watcher.onConversation(conversation, cause);
  }

  get takeReads(): boolean {
    for (const { takesReads } of this.#all) if (takesReads) return true;
    return false;
  }

  deliverRead(moved: ReadMoved): void {
    for (const listener of [...this.#all]) if (listener.takesReads) listener.onRead(moved);
  }

  deliverText(event: ExtendedText, written: WrittenMessage): void {
    for (const reader of this.#readers) reader.onExtended(event, written);
  }

  notifySettled(): void {
    for (const reader of [...this.#readers]) reader.onSettled();
  }

  /**
   * Removes listeners that are no longer members. Announcements come in order with removals, but entries
   * read from the log may follow a removal that was not announced (G08).
   */
  async confirmMembers(engine: Engine, tenant: TenantId, conversationId: ConversationId): Promise<void> {
    const listeners = [...this.#all].filter(({ member }) => member !== null);
    const userIds = [...new Set(listeners.flatMap(({ member }) => member ?? []))];
    const keys = userIds.map((userId) => ({ conversationId, userId }));
    const memberships = await engine.readMemberships(tenant, keys);
    const known = new Map(userIds.map((userId, index) => [userId, memberships[index] ?? null]));
    for (const listener of listeners) {
      const { member } = listener;
      if (member !== null && !listener.isOf(known.get(member) ?? null)) listener.onLeft([member], null);
    }
  }
}
