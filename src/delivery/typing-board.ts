/** Who types in one conversation, as far as this node was told, and the end of it. */
import type { Clock } from '../clock.ts';
import { TIMES } from '../limits.ts';
import type { ConversationId, OngoingTyping, TypingRecord, UserId } from '../model.ts';

/**
 * Ends typing on the side that shows it: the node that announced a start may
 * die, and its stop with it. Durations count from receipt, so that clocks that
 * disagree change nothing.
 */
export class TypingBoard {
  readonly #clock: Clock;
  readonly #conversationId: ConversationId;
  readonly #dispatch: (typing: TypingRecord) => void;
  readonly #typing = new Map<UserId, { readonly record: TypingRecord; readonly cancel: () => void }>();

  constructor(clock: Clock, conversationId: ConversationId, dispatch: (typing: TypingRecord) => void) {
    this.#clock = clock;
    this.#conversationId = conversationId;
    this.#dispatch = dispatch;
  }

  /** Who types now. */
  current(): TypingRecord[] {
    return [...this.#typing.values()].map(({ record }) => record);
  }

  set(record: TypingRecord, durationMs: number = TIMES.typingMs): void {
    this.#keep(record, durationMs);
    this.#dispatch(record);
  }

  /** Keeps a start until its end; of a stop nothing is kept. */
  #keep(record: TypingRecord, durationMs: number): void {
    const { userId } = record;
    this.#typing.get(userId)?.cancel();
    this.#typing.delete(userId);
    if (!record.isTyping) return;
    const cancel = this.#clock.after(Math.min(Math.max(durationMs, 0), TIMES.typingMs), () => this.stop(userId));
    this.#typing.set(userId, { record, cancel });
  }

  stop(userId: UserId): void {
    if (!this.#typing.has(userId)) return;
    this.set({ conversationId: this.#conversationId, userId, isTyping: false, expiresAt: null });
  }

  /** What was typed has arrived: typing that began before it ends. */
  sent(userId: UserId, timestamp: number): void {
    const expiresAt = this.#typing.get(userId)?.record.expiresAt ?? Number.POSITIVE_INFINITY;
    if (expiresAt - TIMES.typingMs <= timestamp) this.stop(userId);
  }

  /** Takes over what the engine says, after announcements may have been missed. */
  replace(records: readonly OngoingTyping[]): void {
    const present = new Set(records.map(({ userId }) => userId));
    for (const userId of this.#typing.keys()) if (!present.has(userId)) this.stop(userId);
    for (const record of records) {
      // Of those who go on only the end is news: a renewal may have been missed.
      if (this.#typing.has(record.userId)) this.#keep(record, record.remainingMs);
      else this.set(record, record.remainingMs);
    }
  }

  clear(): void {
    for (const { cancel } of this.#typing.values()) cancel();
    this.#typing.clear();
  }
}
