/**
 * The position of an inbox's reader, without a position in each conversation.
 *
 * Everything written up to a time was delivered. The time is the latest for which hearing of every earlier announcement
 * is confirmed, less the difference that clocks of servers may have. Conversations that changed later, or are not
 * settled, are named in the checkpoint with their positions: those that changed last.
 */
import { LIMITS, TIMES } from '../../limits.ts';
import type { CheckpointPoint, ConversationId } from '../../model.ts';
import type { Following } from '../conversations/following.ts';

export interface Taken {
  /** The time up to which everything was delivered of conversations that are not named, by `Clock.elapsed`. */
  readonly upTo: number;
  readonly points: ReadonlyMap<ConversationId, CheckpointPoint>;
  /** Whether all conversations with events past that time are named: events of others may come again. */
  readonly isWhole: boolean;
}

export class Checkpoints {
  /** The time of each conversation's last change, by `Clock.elapsed`; the latest are last. */
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

  /** Null: for too many conversations the delivery is not confirmed. */
  take(followed: Iterable<Following<object>>, now: number): Taken | null {
    let heardAt = now;
    const byId = new Map<ConversationId, Following<object>>();
    const named = new Set<ConversationId>();
    const withheld: ConversationId[] = [];
    for (const following of followed) {
      const { channel, isLive } = following;
      byId.set(channel.id, following);
      if (!isLive || !channel.isSettled) named.add(channel.id);
      else heardAt = Math.min(heardAt, channel.heardAt);
      if (following.isWithheld) withheld.push(channel.id);
    }
    const upTo = heardAt - TIMES.clocksApartMs;
    if (named.size > this.#most || upTo === Number.NEGATIVE_INFINITY) return null;
    // What a reader is told once a conversation is not hidden any more may be from before that time.
    for (const id of withheld) if (named.size < this.#most) named.add(id);
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
    if (!following) continue;
    const version = following.isHidden ? 0 : (following.channel.conversation?.version ?? 0);
    points.set(id, { position: following.position, version });
  }
  return points;
}
