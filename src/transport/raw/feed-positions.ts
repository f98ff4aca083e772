/** The positions up to which one raw client was sent its conversations, written or still in flight. */
import { LIMITS } from '../../limits.ts';
import type { ConversationId, Position } from '../../model.ts';

export type Positions = Map<ConversationId, Position>;

interface Given {
  /** The number of the last frame up to here in the connection's outbox. */
  readonly frame: number;
  readonly id: ConversationId;
  readonly position: Position;
}

/**
 * Positions with the frames after which they hold.
 *
 * A queued frame may never be written, since the outbox drops frames after a close frame. So a position counts only
 * once its frame was written.
 */
export class FeedPositions {
  readonly #outbox: { readonly written: number };
  readonly #current: Positions = new Map();
  #given: Given[] = [];
  /** Positions of written frames, merged when there were too many. */
  #merged: Positions | null = null;
  #lastFrame = 0;

  constructor(outbox: { readonly written: number }) {
    this.#outbox = outbox;
  }

  /** The client's position in each conversation, with everything sent to it. */
  get current(): ReadonlyMap<ConversationId, Position> {
    return this.#current;
  }

  get hasGiven(): boolean {
    return this.#given.length > 0 || this.#merged !== null;
  }

  /** Records a position after a frame; without `frame`, after the previous one. */
  give(id: ConversationId, position: Position, frame = this.#lastFrame): void {
    this.#lastFrame = frame;
    this.#current.set(id, position);
    this.#given.push({ frame, id, position });
    if (this.#given.length > LIMITS.positionsPerSocket) this.#merge(this.#outbox.written);
  }

  /** Takes out the positions up to a frame. */
  take(frame: number): Positions {
    this.#merge(frame);
    const merged = this.#merged;
    this.#merged = null;
    return merged ?? new Map();
  }

  #merge(frame: number): void {
    const later = this.#given.findIndex((given) => given.frame > frame);
    const written = this.#given.splice(0, later < 0 ? this.#given.length : later);
    if (written.length === 0) return;
    this.#merged ??= new Map();
    for (const { id, position } of written) this.#merged.set(id, position);
  }
}
