/**
 * Where the reader of an inbox is, without a position in each conversation.
 *
 * All that was written up to a time has been told. The time is as late as it is known that every announcement
 * before it was heard, less what the clocks of servers may be apart. What happened later, or is not settled, is
 * told apart: the conversations that changed last stand in the checkpoint with their positions.
 */
import { LIMITS, TIMES } from '../../limits.ts';
import type { CheckpointPoint, ConversationId } from '../../model.ts';
import type { Following } from '../conversations/following.ts';

export interface Taken {
  /** Up to when everything was told of conversations that are not named, by `Clock.elapsed`. */
  readonly upTo: number;
  readonly points: ReadonlyMap<ConversationId, CheckpointPoint>;
  /** Whether all are named that were told something past that time: of others it may come again. */
  readonly isWhole: boolean;
}

export class Checkpoints {
  /** When each conversation changed last, by `Clock.elapsed`; those that changed last are last. */
  readonly #changedAt = new Map<ConversationId, number>();
  readonly #most: number;

  constructor(most: number = LIMITS.checkpointConversations) {
    this.#most = most;
  }

  touch(id: ConversationId, at: number): void {
    this.#changedAt.delete(id);
    this.#changedAt.set(id, at);
  }

  forget(id: ConversationId): void {
    this.#changedAt.delete(id);
  }

  /** Null: it is not known of too many conversations that everything was told. */
  take(followed: Iterable<Following<object>>, now: number): Taken | null {
    let heardAt = now;
    const byId = new Map<ConversationId, Following<object>>();
    const named = new Set<ConversationId>();
    for (const following of followed) {
      const { channel, isLive } = following;
      byId.set(channel.id, following);
      if (!isLive || !channel.isSettled) named.add(channel.id);
      else heardAt = Math.min(heardAt, channel.heardAt);
    }
    const upTo = heardAt - TIMES.clocksApartMs;
    if (named.size > this.#most || upTo === Number.NEGATIVE_INFINITY) return null;
    let isWhole = true;
    for (const [id, at] of [...this.#changedAt].reverse()) {
      const isLate = at > upTo - TIMES.clocksApartMs;
      if (named.size >= this.#most && !named.has(id)) {
        if (!isLate) break;
        isWhole = false;
      } else if (byId.has(id)) named.add(id);
    }
    return { upTo, points: pointsOf(named, byId), isWhole };
  }
}

function pointsOf(
  ids: Iterable<ConversationId>,
  byId: ReadonlyMap<ConversationId, Following<object>>,
): Map<ConversationId, CheckpointPoint> {
  const points = new Map<ConversationId, CheckpointPoint>();
  for (const id of ids) {
    const following = byId.get(id);
    if (following)
      points.set(id, { position: following.position, version: following.channel.conversation?.version ?? 0 });
  }
  return points;
}
