/** Direct conversations that a viewer has deleted for themselves: a stream over all of theirs tells nothing of one until its next message. */
import type { Engine } from '../../engine/port.ts';
import type { ConversationId, Viewer } from '../../model.ts';
import type { Following } from '../conversations/following.ts';

export class HiddenConversations {
  /** Each with the sequence of the message behind which it was hidden. */
  readonly #hiddenAt = new Map<ConversationId, number>();

  /** Reads all of them. One that was hidden before and is not any more shows by its next message. */
  async read(engine: Engine, { tenant, userId }: Viewer): Promise<void> {
    for (const [id, sequence] of await engine.listHidden(tenant, userId)) this.hide(id, sequence);
  }

  hide(id: ConversationId, sequence: number): void {
    this.#hiddenAt.set(id, Math.max(sequence, this.#hiddenAt.get(id) ?? 0));
  }

  show(id: ConversationId): void {
    this.#hiddenAt.delete(id);
  }

  /** Tells one that is hidden so. Answers whether it is. */
  tell(following: Following<object>): boolean {
    const sequence = this.#hiddenAt.get(following.channel.id);
    if (sequence !== undefined) following.hide(sequence);
    return following.isHidden;
  }

  tellAll(followed: Iterable<Following<object>>): void {
    if (this.#hiddenAt.size > 0) for (const following of followed) this.tell(following);
  }
}
