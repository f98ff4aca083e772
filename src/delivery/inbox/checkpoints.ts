/**
 * The position of an inbox's reader in a few characters, without a position for each conversation.
 *
 * A checkpoint says that everything written up to a time was delivered. That is the latest time for which every earlier
 * announcement is confirmed as received, less the allowed clock skew of servers. Conversations that changed later, or
 * are not settled, are named in the checkpoint with their positions.
 */
import { inParts } from '../../in-parts.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { CheckpointPoint, ConversationId } from '../../model.ts';
import type { FollowedConversation } from '../conversations/followed-conversation.ts';

export interface Taken {
  /** The time up to which everything was delivered of the conversations that are not named, by `Clock.elapsed`. */
  readonly upTo: number;
  readonly points: ReadonlyMap<ConversationId, CheckpointPoint>;
  /** Whether all conversations with events after that time are named. If not, events may be delivered again. */
  readonly isWhole: boolean;
}

/** The result of a scan of all conversations. */
interface Scanned {
  /** Every announcement before this time was received for the settled conversations, by `Clock.elapsed`. */
  readonly heardAt: number;
  readonly unsettled: ReadonlySet<ConversationId>;
  readonly withheld: readonly ConversationId[];
}

/** The conversations that a stream follows. */
export interface ScannedStream {
  followed(): Iterable<FollowedConversation<object>>;
  find(id: ConversationId): FollowedConversation<object> | undefined;
}

/** Remembers as many conversations as a checkpoint names, however many the user has. */
export class Checkpoints {
  /** The time of each conversation's last change, by `Clock.elapsed`; the latest are last. */
  readonly #changedAt = new Map<ConversationId, number>();
  /** The latest change of the conversations that are not remembered. */
  #droppedAt = Number.NEGATIVE_INFINITY;
  readonly #most: number;

  constructor(most: number = LIMITS.checkpointConversations) {
    this.#most = most;
  }

  /** Takes the last changes of some conversations when a stream begins, in any order. */
  begin(changes: readonly (readonly [id: ConversationId, at: number])[]): void {
    const inOrder = [...this.#changedAt, ...changes].sort(([, one], [, other]) => one - other);
    this.#changedAt.clear();
    const dropped = inOrder.splice(0, Math.max(inOrder.length - this.#most, 0));
    this.#droppedAt = Math.max(this.#droppedAt, dropped.at(-1)?.[1] ?? this.#droppedAt);
    for (const [id, at] of inOrder) this.#changedAt.set(id, at);
  }

  touch(id: ConversationId, at: number): void {
    this.#changedAt.delete(id);
    this.#changedAt.set(id, at);
    if (this.#changedAt.size > this.#most) this.#dropOldest();
  }

  forget(id: ConversationId): void {
    this.#changedAt.delete(id);
  }

  /**
   * Scans all conversations, a hundred in a turn. A conversation that changes or is joined during the scan is among
   * those that changed last, so the scan stays valid.
   */
  async scan(stream: ScannedStream, now: number): Promise<Scanned> {
    let heardAt = now;
    const named = new Set<ConversationId>();
    const withheld: ConversationId[] = [];
    await inParts([...stream.followed()], (part) => {
      for (const following of part) {
        const { channel, isLive } = following;
        if (stream.find(channel.id) !== following) continue;
        if (!isLive || !channel.isSettled) named.add(channel.id);
        else heardAt = Math.min(heardAt, channel.heardAt);
        if (following.isWithheld) withheld.push(channel.id);
      }
    });
    return { heardAt, unsettled: named, withheld };
  }

  /** Null: delivery is unconfirmed for too many conversations. */
  take(stream: ScannedStream, { heardAt, unsettled, withheld }: Scanned): Taken | null {
    const named = new Set(unsettled);
    const upTo = heardAt - TIMES.clocksApartMs;
    if (named.size > this.#most || upTo === Number.NEGATIVE_INFINITY) return null;
    // When a hidden conversation is shown again, its reader gets events that may be older than that time.
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

function pointsOf(ids: Iterable<ConversationId>, stream: ScannedStream): Map<ConversationId, CheckpointPoint> {
  const points = new Map<ConversationId, CheckpointPoint>();
  for (const id of ids) {
    const following = stream.find(id);
    if (!following) continue;
    const version = following.isHidden ? 0 : (following.channel.conversation?.version ?? 0);
    points.set(id, { position: following.position, version });
  }
  return points;
}
