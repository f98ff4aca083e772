/**
 * Direct conversations that a viewer has deleted for themselves. A stream over all conversations delivers nothing of
 * such a conversation until its next message.
 */
import type { Engine } from '../../engine/port.ts';
import type { ConversationId, Viewer } from '../../model.ts';
import type { FollowedConversation } from '../conversations/followed-conversation.ts';

export class HiddenConversations {
  /** Each with the sequence of the last message when it was hidden. */
  readonly #hiddenAt = new Map<ConversationId, number>();

  /** Reads all of them. A conversation that is no longer hidden becomes visible with its next message. */
  async read(engine: Engine, { tenant, userId }: Viewer): Promise<void> {
    for (const [id, sequence] of await engine.listHidden(tenant, userId)) this.hide(id, sequence);
  }

  hide(id: ConversationId, sequence: number): void {
    this.#hiddenAt.set(id, Math.max(sequence, this.#hiddenAt.get(id) ?? 0));
  }

  show(id: ConversationId): void {
    this.#hiddenAt.delete(id);
  }

  /** Applies to a followed conversation whether it is hidden. Returns whether it is. */
  applyTo(following: FollowedConversation<object>): boolean {
    const sequence = this.#hiddenAt.get(following.channel.id);
    if (sequence !== undefined) following.hide(sequence);
    return following.isHidden;
  }

  applyToAll(followed: Iterable<FollowedConversation<object>>): void {
    if (this.#hiddenAt.size > 0) for (const following of followed) this.applyTo(following);
  }
}
