/** The users typing in one conversation, as announced to this node, and the end of their typing. */
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { ConversationId, OngoingTyping, TypingRecord, UserId } from '../../model.ts';

const beganAt = ({ expiresAt }: TypingRecord): number => (expiresAt ?? Number.POSITIVE_INFINITY) - TIMES.typingMs;

/**
 * The node that shows typing also ends it, since the node that announced a start may die before the stop. Durations
 * count from receipt, so clock differences do not matter.
 */
export class TypingBoard {
  readonly #clock: Clock;
  readonly #conversationId: ConversationId;
  readonly #dispatch: (typing: TypingRecord) => void;
  readonly #typing = new Map<UserId, { readonly record: TypingRecord; readonly cancel: () => void }>();
  /** During a read of the engine: the users announced since it began, whose state is newer than the answer. */
  #heard: Map<UserId, number> | null = null;

  constructor(clock: Clock, conversationId: ConversationId, dispatch: (typing: TypingRecord) => void) {
    this.#clock = clock;
    this.#conversationId = conversationId;
    this.#dispatch = dispatch;
  }

  /** The users typing now. */
  current(): TypingRecord[] {
    return [...this.#typing.values()].map(({ record }) => record);
  }

  /** Takes an announcement. */
  receive(record: TypingRecord): void {
    this.#heard?.set(record.userId, Number.POSITIVE_INFINITY);
    this.#set(record, TIMES.typingMs);
  }

  #set(record: TypingRecord, durationMs: number): void {
    this.#keep(record, durationMs);
    this.#dispatch(record);
  }

  /** Keeps a start until its end; nothing is kept of a stop. */
  #keep(record: TypingRecord, durationMs: number): void {
    const { userId } = record;
    this.#typing.get(userId)?.cancel();
    this.#typing.delete(userId);
    if (!record.isTyping) return;
    const cancel = this.#clock.after(Math.min(Math.max(durationMs, 0), TIMES.typingMs), () => this.#end(userId));
    this.#typing.set(userId, { record, cancel });
  }

  /** The user is no longer a member. */
  stop(userId: UserId): void {
    this.#heard?.set(userId, Number.POSITIVE_INFINITY);
    this.#end(userId);
  }

  #end(userId: UserId): void {
    if (!this.#typing.has(userId)) return;
    this.#set({ conversationId: this.#conversationId, userId, isTyping: false, expiresAt: null }, 0);
  }

  /** A message has arrived: typing of its sender that began before it ends. */
  sent(userId: UserId, timestamp: number): void {
    if (this.#heard && (this.#heard.get(userId) ?? 0) < timestamp) this.#heard.set(userId, timestamp);
    const record = this.#typing.get(userId)?.record;
    if (record && beganAt(record) <= timestamp) this.#end(userId);
  }

  /**
   * Begins a read of the engine after announcements may have been missed. The answer replaces the state, except for
   * users announced meanwhile. A newer read discards it.
   */
  reading(): (records: readonly OngoingTyping[]) => void {
    const heard = new Map<UserId, number>();
    this.#heard = heard;
    return (records) => {
      if (this.#heard !== heard) return;
      this.#heard = null;
      this.#replace(records, heard);
    };
  }

  #replace(records: readonly OngoingTyping[], heard: ReadonlyMap<UserId, number>): void {
    const heardOf = (userId: UserId): number => heard.get(userId) ?? Number.NEGATIVE_INFINITY;
    const present = new Set(records.map(({ userId }) => userId));
    for (const userId of this.#typing.keys()) {
      if (!present.has(userId) && heardOf(userId) !== Number.POSITIVE_INFINITY) this.#end(userId);
    }
    for (const record of records) {
      if (beganAt(record) <= heardOf(record.userId)) continue;
      // Only the end of continued typing is new: a renewal may have been missed.
      if (this.#typing.has(record.userId)) this.#keep(record, record.remainingMs);
      else this.#set(record, record.remainingMs);
    }
  }

  clear(): void {
    for (const { cancel } of this.#typing.values()) cancel();
    this.#typing.clear();
  }
}
