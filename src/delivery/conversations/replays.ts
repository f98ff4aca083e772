/** The replays of one stream: each reads a conversation's log from a position until the conversation is live. */

import { positionExpired, type ServiceError } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Position } from '../../model.ts';
import type { BackPressure } from '../back-pressure.ts';
import { ReplayMemory } from '../replay-memory.ts';
import type { FollowedConversation } from './followed-conversation.ts';
import { asServiceError, Replay } from './replay.ts';
import type { Rights } from './rights.ts';
import type { ConversationStreamContext } from './stream-options.ts';

/** The stream whose replays they are. */
export interface ReplaysOwner {
  readonly isOpen: boolean;
  readonly room: BackPressure;
  isFollowed(following: FollowedConversation<object>): boolean;
  onChannelEnd(following: FollowedConversation<object>, error: ServiceError): void;
  /** Calls again later, while the stream is open. */
  retry(error: unknown, again: () => void): void;
  /** No replay is running any more. */
  onIdle(): void;
}

export class Replays<Event extends object> {
  readonly #context: Pick<ConversationStreamContext, 'engine' | 'clock' | 'sharedLog'>;
  readonly #rights: Rights;
  readonly #owner: ReplaysOwner;
  #memory: ReplayMemory | null = null;
  #running = 0;

  constructor(
    context: Pick<ConversationStreamContext, 'engine' | 'clock' | 'sharedLog'>,
    rights: Rights,
    owner: ReplaysOwner,
  ) {
    this.#context = context;
    this.#rights = rights;
    this.#owner = owner;
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Counts as a replay while it works. */
  async during(work: () => Promise<unknown>): Promise<void> {
    this.#running += 1;
    await work();
    this.#running -= 1;
  }

  /** A replay that has not begun. */
  of(following: FollowedConversation<Event>, from: Position): Replay {
    const { channel, hidings } = following;
    const owner = this.#owner;
    const isFollowed = (): boolean => owner.isFollowed(following) && following.hidings === hidings;
    this.#memory ??= new ReplayMemory();
    return new Replay(this.#context.sharedLog, channel, from, {
      onMessage: (change, message) => {
        if (!isFollowed()) return;
        following.reach(message.position);
        following.take(change, message);
      },
      confirm: () => this.#rights.confirmMember(following),
      room: owner.room,
      memory: this.#memory,
      isOpen: () => owner.isOpen && isFollowed(),
    });
  }

  begin(following: FollowedConversation<Event>, replay: Replay): void {
    this.#running += 1;
    void this.#run(following, replay);
  }

  /** Checks that the log still has the last position passed on (G04). */
  async confirm(following: FollowedConversation<object>): Promise<void> {
    const { channel, position } = following;
    const owner = this.#owner;
    try {
      const page = await this.#context.engine.readLog(channel.tenant, channel.id, position, 1);
      if (page.outcome === 'expired' && owner.isFollowed(following))
        owner.onChannelEnd(following, positionExpired(page.reason, { conversationId: channel.id }));
    } catch (error) {
      owner.retry(error, () => void this.confirm(following));
    }
  }

  async #run(following: FollowedConversation<Event>, replay: Replay): Promise<void> {
    const owner = this.#owner;
    try {
      await replay.run((cursor) => following.goLive(cursor));
    } catch (error) {
      const known = asServiceError(error);
      if (owner.isFollowed(following) && known.code === 'SERVICE_UNAVAILABLE') {
        // The engine is unavailable. The replay knows its position, and continues there (G14).
        this.#context.clock.after(TIMES.retryMs, () => void this.#run(following, replay));
        return;
      }
      if (owner.isFollowed(following)) owner.onChannelEnd(following, known);
    }
    this.#running -= 1;
    if (owner.isOpen && this.#running === 0) owner.onIdle();
  }
}
