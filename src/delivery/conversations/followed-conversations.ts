/** The conversations that a stream follows, with its use of each channel. */
import { FewByKey } from '../../few.ts';
import { inParts } from '../../in-parts.ts';
import type { ConversationId, TenantId } from '../../model.ts';
import type { Sink } from '../stream.ts';
import { ConversationChannel } from './channel.ts';
import { FollowedConversation, type FollowingStream, type Selection } from './followed-conversation.ts';
import type { ConversationStreamContext } from './stream-options.ts';

/** The stream that follows them. */
export interface FollowedConversationsOwner<Event extends object> extends FollowingStream {
  readonly isOpen: boolean;
  readonly tenant: TenantId;
  readonly selection: Selection<Event>;
  /** The destination of the events. */
  readonly sink: Pick<Sink<Event>, 'push' | 'isCongested' | 'onRoom'>;
}

export class FollowedConversations<Event extends object> {
  readonly #context: ConversationStreamContext;
  readonly #owner: FollowedConversationsOwner<Event>;
  readonly #all = new FewByKey<ConversationId, FollowedConversation<Event>>();

  constructor(context: ConversationStreamContext, owner: FollowedConversationsOwner<Event>) {
    this.#context = context;
    this.#owner = owner;
  }

  get size(): number {
    return this.#all.size;
  }

  has(id: ConversationId): boolean {
    return this.#all.has(id);
  }

  get(id: ConversationId): FollowedConversation<Event> | undefined {
    return this.#all.get(id);
  }

  keys(): readonly ConversationId[] {
    return this.#all.keys();
  }

  values(): readonly FollowedConversation<Event>[] {
    return this.#all.values();
  }

  /** Compares the object and not the id, since a membership after leaving and joining again is another one. */
  includes(following: FollowedConversation<object>): boolean {
    return this.#all.get(following.channel.id) === following;
  }

  /** Joins a conversation's channel. Null: there is no such conversation, it is followed already, or the stream has ended. */
  async join(id: ConversationId): Promise<FollowedConversation<Event> | null> {
    const { channels } = this.#context;
    const { tenant, selection, sink } = this.#owner;
    const key = this.#key(id);
    let isNew = false;
    const channel = await channels.acquire(key, () => {
      isNew = true;
      return new ConversationChannel(this.#context, tenant, id);
    });
    if (!channel) return null;
    if (selection.extension) {
      try {
        await channel.writings.open();
      } catch (error) {
        channels.release(key, channel);
        throw error;
      }
    }
    if (!this.#owner.isOpen || this.#all.has(id)) {
      channels.release(key, channel);
      return null;
    }
    const following = new FollowedConversation<Event>(channel, this.#owner, selection, sink, isNew);
    this.#all.set(id, following);
    channel.add(following);
    return following;
  }

  leave(following: FollowedConversation<Event>): void {
    const { channel } = following;
    // Only once: a second release would close a channel with other listeners.
    if (!this.includes(following)) return;
    channel.remove(following);
    following.close();
    this.#all.delete(channel.id);
    this.#context.channels.release(this.#key(channel.id), channel);
  }

  async leaveAll(followed: readonly FollowedConversation<Event>[] = this.values()): Promise<void> {
    await inParts(followed, (part) => {
      for (const following of part) this.leave(following);
    });
  }

  /** Its channel cannot continue: the next stream opens another. */
  discard({ channel }: FollowedConversation<object>): void {
    if (channel.hasEnded) this.#context.channels.discard(this.#key(channel.id), channel);
  }

  #key(id: ConversationId): string {
    return JSON.stringify([this.#owner.tenant, id]);
  }
}
