/** The caller's list: its conversations, their order, and the total of unread messages. */
import type { InboxEntry } from '../types.ts';
import type { ConversationStore } from './conversation.ts';

/** A place in the list. */
interface ListPlace {
  readonly isPinned: boolean;
  readonly at: string;
  readonly id: string;
}

const placeOf = ({ id, info, flags }: ConversationStore): ListPlace => ({
  isPinned: flags.isPinned,
  at: info?.lastActivityAt ?? info?.createdAt ?? '',
  id,
});

const ordered = <Value>(one: Value, other: Value): number => Number(one > other) - Number(one < other);

/** Pinned first, then by latest activity, then by id, like the service. */
function compare(one: ListPlace, other: ListPlace): number {
  return ordered(other.isPinned, one.isPinned) || ordered(other.at, one.at) || ordered(one.id, other.id);
}

export const byPlace = (one: ConversationStore, other: ConversationStore): number =>
  compare(placeOf(one), placeOf(other));

export class InboxOrder {
  /** The cursor of the next page. */
  cursor: string | null = null;
  hasMore = true;
  /** The end of the loaded part. Unknown conversations may follow it. */
  #end: ListPlace | null = null;
  /** Unread messages in unknown conversations. */
  #elsewhere = 0;

  /**
   * A page was read that ends with this conversation. Conversations loaded past it stay, since events keep them up to
   * date.
   */
  extend(last: ConversationStore | undefined, cursor: string | null, hasMore: boolean): void {
    const isWithin = last && this.#end && this.cursor !== null && compare(placeOf(last), this.#end) <= 0;
    if (isWithin && hasMore) return;
    if (last) this.#end = placeOf(last);
    this.cursor = cursor ?? this.cursor;
    this.hasMore = hasMore;
  }

  /** Sets the total of unread messages. */
  total(unread: number, known: readonly ConversationStore[]): void {
    this.#elsewhere = Math.max(0, unread - sumOf(known));
  }

  /** A conversation of the unknown part is known now. */
  found(unread: number): void {
    this.#elsewhere = Math.max(0, this.#elsewhere - unread);
  }

  unread(known: readonly ConversationStore[]): number {
    return this.#elsewhere + sumOf(known);
  }

  entries(known: readonly ConversationStore[]): InboxEntry[] {
    const end = this.#end;
    const shown = known.filter(
      (conversation) =>
        conversation.info !== null &&
        !conversation.flags.isArchived &&
        (!this.hasMore || (end !== null && compare(placeOf(conversation), end) <= 0)),
    );
    return shown.sort(byPlace).flatMap(entryOf);
  }

  clear(): void {
    this.cursor = this.#end = null;
    this.hasMore = true;
    this.#elsewhere = 0;
  }
}

const sumOf = (known: readonly ConversationStore[]): number => known.reduce((sum, { unread }) => sum + unread, 0);

export function entryOf({ info, flags, unread, lastMessage }: ConversationStore): InboxEntry[] {
  return info ? [{ conversation: info, ...flags, unread, lastMessage }] : [];
}
