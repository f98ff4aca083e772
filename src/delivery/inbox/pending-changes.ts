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
import type { ReportingStream } from './list-reporter.ts';

/** Conversations whose read positions are read concurrently: each may have a page of a thousand. */
const AT_ONCE = 20;

/** The state with the read positions, or the read positions only. */
export type PendingChange = 'state' | 'reads';

export interface PendingChangesOptions {
  readonly engine: Engine;
  /** The time of the reader's checkpoint, by the engine's clock; 0: none. */
  readonly since: number;
  /** Null: the stream is not open yet. */
  readonly stream: () => ReportingStream | null;
  /** Nothing is pending any more. */
  readonly onSent: () => void;
  /** Calls again later, while the stream is open. */
  readonly onFailed: (error: unknown, again: () => void) => void;
}

export class PendingChanges {
  readonly #options: PendingChangesOptions;
  readonly #pending = new Map<ConversationId, PendingChange>();
  #isSending = false;

  constructor(options: PendingChangesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  add(id: ConversationId, what: PendingChange): void {
    this.#pending.set(id, what);
  }

  /** Sends all pending changes. */
  async send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#pending.size > 0) await this.#sendAll();
    } catch (error) {
      return this.#options.onFailed(error, () => {
        this.#isSending = false;
        void this.send();
      });
    }
    this.#isSending = false;
    this.#options.onSent();
  }

  async #sendAll(): Promise<void> {
    await inParts([...this.#pending], async (part) => {
      for (let from = 0; from < part.length; from += AT_ONCE)
        await Promise.all(part.slice(from, from + AT_ONCE).map(([id, what]) => this.#sendOne(id, what)));
    });
  }

  async #sendOne(id: ConversationId, what: PendingChange): Promise<void> {
    await this.#deliver(id, what);
    // More may be pending by now.
    if (this.#pending.get(id) === what) this.#pending.delete(id);
  }

  async #deliver(id: ConversationId, what: PendingChange): Promise<void> {
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
