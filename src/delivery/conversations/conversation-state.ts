/** The newest known state of a channel's conversation, updated by the messages announced since it was read. */
import type { ConversationRecord, MessageRecord } from '../../model.ts';
import { Latest } from '../latest.ts';

export class ConversationState {
  readonly #latest = new Latest<ConversationRecord>();
  #lastSent: Pick<ConversationRecord, 'lastSequence' | 'lastActivityAt' | 'position'> | null = null;

  get current(): ConversationRecord | null {
    return this.#latest.current;
  }

  /** Takes a state; false: it is not newer than the known one. */
  take(conversation: ConversationRecord): boolean {
    return this.#latest.take(this.#withSent(conversation));
  }

  /** Begins a read. The returned function takes the answer, and returns whether it is new. */
  reading(): (conversation: ConversationRecord) => boolean {
    const take = this.#latest.reading();
    return (conversation) => take(this.#withSent(conversation));
  }

  /** The known state may be old. */
  doubt(): void {
    this.#latest.doubt();
  }

  /** A message updates the conversation, and no other announcement says so. Returns whether that is new. */
  sent({ sequence, timestamp, position }: MessageRecord): boolean {
    this.#lastSent = { lastSequence: sequence, lastActivityAt: timestamp, position };
    const before = this.#latest.current;
    if (!before || sequence <= before.lastSequence) return false;
    this.#latest.amend({ ...before, ...this.#lastSent });
    return true;
  }

  /** State that was read, or announced late, may be older than the last message. */
  #withSent(conversation: ConversationRecord): ConversationRecord {
    const sent = this.#lastSent;
    const isNewer =
      sent?.position.epoch === conversation.position.epoch && sent.lastSequence > conversation.lastSequence;
    return isNewer ? { ...conversation, ...sent } : conversation;
  }
}
