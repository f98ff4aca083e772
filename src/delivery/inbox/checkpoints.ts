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

/** The conversations that a stream follows. */
export interface FollowedConversations {
  followed(): Iterable<Following<object>>;
  find(id: ConversationId): Following<object> | undefined;
}

/** Holds as many conversations as a checkpoint names, however many the user has. */
export class Checkpoints {
  /** The time of each conversation's last change, by `Clock.elapsed`; the latest are last. */
  readonly #changedAt = new Map<ConversationId, number>();
  /** The latest change of those that are not held. */
  #droppedAt = Number.NEGATIVE_INFINITY;
  readonly #most: number;

  constructor(most: number = LIMITS.checkpointConversations) {
    this.#most = most;
  }

  /** The last change of each conversation when a stream begins, in any order. */
  begin(changes: readonly (readonly [id: ConversationId, at: number])[]): void {
    const times = Float64Array.from(changes, ([, at]) => at).sort();
    const least = times[Math.max(times.length - this.#most, 0)] ?? Number.POSITIVE_INFINITY;
    const held = changes.filter(([, at]) => at >= least);
    if (held.length < changes.length) this.#droppedAt = times[times.length - held.length - 1] ?? this.#droppedAt;
    for (const [id, at] of held.sort(([, one], [, other]) => one - other)) this.touch(id, at);
  }

  touch(id: ConversationId, at: number): void {
    this.#changedAt.delete(id);
    this.#changedAt.set(id, at);
    if (this.#changedAt.size > this.#most) this.#dropOldest();
  }

  forget(id: ConversationId): void {
    this.#changedAt.delete(id);
  }

  /** Null: for too many conversations the delivery is not confirmed. */
  take(stream: FollowedConversations, now: number): Taken | null {
    let heardAt = now;
    const named = new Set<ConversationId>();
    const withheld: ConversationId[] = [];
    for (const following of stream.followed()) {
      const { channel, isLive } = following;
      if (!isLive || !channel.isSettled) named.add(channel.id);
      else heardAt = Math.min(heardAt, channel.heardAt);
      if (following.isWithheld) withheld.push(channel.id);
    }
    const upTo = heardAt - TIMES.clocksApartMs;
    if (named.size > this.#most || upTo === Number.NEGATIVE_INFINITY) return null;
    // Events that a reader gets after a conversation is shown again may be older than that time.
    for (const id of withheld) if (named.size < this.#most) named.add(id);
    const isLate = (at: number): boolean => at > upTo - TIMES.clocksApartMs;
    let isWhole = !isLate(this.#droppedAt);
    for (const [id, at] of [...this.#changedAt].reverse()) {
      if (named.size >= this.#most && !named.has(id)) {
        if (!isLate(at)) break;
        isWhole = false;
      } else if (stream.find(id)) named.add(id);
    }
    return { upTo, points: pointsOf(named, stream), isWhole };
  }

  #dropOldest(): void {
    const [oldest] = this.#changedAt;
    if (!oldest) return;
    const [id, at] = oldest;
    this.#changedAt.delete(id);
    this.#droppedAt = Math.max(this.#droppedAt, at);
  }
}

function pointsOf(ids: Iterable<ConversationId>, stream: FollowedConversations): Map<ConversationId, CheckpointPoint> {
  const points = new Map<ConversationId, CheckpointPoint>();
  for (const id of ids) {
    const following = stream.find(id);
    if (!following) continue;
    const version = following.isHidden ? 0 : (following.channel.conversation?.version ?? 0);
    points.set(id, { position: following.position, version });
  }
  return points;
}
