/**
 * Changes of conversations that must still be sent to a reader: changes while the reader was away, or before a channel
 * joined the bus.
 */
import type { Engine } from '../../engine/port.ts';
import { inParts } from '../../in-parts.ts';
import { TIMES } from '../../limits.ts';
import type { ConversationId } from '../../model.ts';
import { roomOrEnd } from '../back-pressure.ts';
import { receiptsSince } from '../conversations/read-moves.ts';
import type { ToldStream } from './list-teller.ts';

/** Conversations whose read positions are read concurrently: each may have a page of a thousand. */
const AT_ONCE = 20;

/** The state with the read positions, or the read positions only. */
export type Owed = 'state' | 'reads';

export interface OwedChangesOptions {
  readonly engine: Engine;
  /** The time of the reader's checkpoint, by the engine's clock; 0: none. */
  readonly since: number;
  /** Null: the stream is not open yet. */
  readonly stream: () => ToldStream | null;
  /** Nothing is owed any more. */
  readonly onPaid: () => void;
  /** Calls again later, while the stream is open. */
  readonly onFailed: (error: unknown, again: () => void) => void;
}

export class OwedChanges {
  readonly #options: OwedChangesOptions;
  readonly #owed = new Map<ConversationId, Owed>();
  #isPaying = false;

  constructor(options: OwedChangesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#owed.size;
  }

  add(id: ConversationId, what: Owed): void {
    this.#owed.set(id, what);
  }

  /** Sends all owed changes. */
  async pay(): Promise<void> {
    if (this.#isPaying) return;
    this.#isPaying = true;
    try {
      while (this.#owed.size > 0) await this.#payAll();
    } catch (error) {
      return this.#options.onFailed(error, () => {
        this.#isPaying = false;
        void this.pay();
      });
    }
    this.#isPaying = false;
    this.#options.onPaid();
  }

  async #payAll(): Promise<void> {
    await inParts([...this.#owed], async (part) => {
      for (let from = 0; from < part.length; from += AT_ONCE)
        await Promise.all(part.slice(from, from + AT_ONCE).map(([id, what]) => this.#payOne(id, what)));
    });
  }

  async #payOne(id: ConversationId, what: Owed): Promise<void> {
    await this.#tell(id, what);
    // More may be owed by now.
    if (this.#owed.get(id) === what) this.#owed.delete(id);
  }

  async #tell(id: ConversationId, what: Owed): Promise<void> {
    const { engine, since } = this.#options;
    const stream = this.#options.stream();
    const following = stream?.find(id);
    const conversation = following?.channel.conversation;
    if (!stream || !following || !conversation) return;
    if (what === 'state') following.onConversation(conversation, 'CHANGED');
    // In a conversation of two, changes that were hidden from the reader may be older than the checkpoint.
    const stateFrom = conversation.kind === 'DIRECT' ? 0 : since;
    const from = what === 'state' ? stateFrom : (following.joinedAt ?? 0);
    for await (const receipt of receiptsSince(engine, following.channel, from - TIMES.clocksApartMs)) {
      if (stream.find(id) !== following) return;
      if (stream.room.isCongested() && !(await roomOrEnd(stream.room, () => stream.isOpen))) return;
      const { userId, sequence, readAt } = receipt;
      following.onRead({ conversationId: id, userId, sequence, readAt });
    }
  }
}
