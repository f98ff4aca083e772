/**
 * Replays missed publications of one topic to one listener, up to the position of the topic's channel.
 *
 * There is no `await` between the last comparison and going live, so nothing is lost
 * between them and nothing comes twice (G06). No more than one page of the history is
 * held, also while the listener has no room.
 */
import { type Clock, nextTurn } from '../../clock.ts';
import type { Engine } from '../../engine/port.ts';
import { resumption } from '../../engine/shared/publication.ts';
import { isOutage, positionExpired } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Position, PublicationRecord, TenantId, Topic } from '../../model.ts';
import { roomOrEnd } from '../back-pressure.ts';
import { asServiceError } from '../conversations/replay.ts';
import type { CountResume } from '../conversations/stream-options.ts';
import type { Listener } from '../joint-stream.ts';
import { notePast } from '../past.ts';
import type { ReplayMemory } from '../replay-memory.ts';

/** The position of a listener, the memory for the replays of its stream, and the counter of resumed and expired positions. */
export interface Resume {
  readonly after: Position;
  readonly memory: ReplayMemory;
  readonly count: CountResume;
}

export class TopicReplay {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #tenant: TenantId;
  readonly #topic: Topic;
  readonly #memory: ReplayMemory;
  readonly #count: CountResume;
  #cursor: Position;
  #stopWaiting: (() => void) | null = null;

  constructor(engine: Engine, clock: Clock, tenant: TenantId, topic: Topic, { after, memory, count }: Resume) {
    this.#engine = engine;
    this.#clock = clock;
    this.#tenant = tenant;
    this.#topic = topic;
    this.#cursor = after;
    this.#memory = memory;
    this.#count = count;
  }

  /** @throws {ServiceError} POSITION_EXPIRED: it cannot be resumed. */
  async check(): Promise<void> {
    try {
      await this.#read(1);
    } catch (error) {
      this.#countExpired(error);
      throw error;
    }
    this.#count('resumed');
  }

  /**
   * Calls `goLive` after the last page, until it returns true. While the engine is unavailable the replay waits (G14).
   * The listener is ended when missed publications are no longer stored.
   */
  async run(
    listener: Listener<PublicationRecord>,
    isOpen: () => boolean,
    goLive: (cursor: Position) => boolean,
  ): Promise<void> {
    try {
      while (isOpen()) {
        const step = await this.#memory.inTurn(() => this.#step(listener, isOpen, goLive));
        if (step === 'over') return;
        if (step === 'away') await this.#pause();
        // Pages may come without waiting, from an engine in this process.
        else await nextTurn();
      }
    } catch (error) {
      this.#countExpired(error);
      if (isOpen()) listener.end(asServiceError(error));
    }
  }

  #countExpired(error: unknown): void {
    const known = asServiceError(error);
    if (known.code === 'POSITION_EXPIRED') this.#count('expired', known);
  }

  /** Passes on as much of a page as there is room for. `away`: the engine does not answer. */
  async #step(
    listener: Listener<PublicationRecord>,
    isOpen: () => boolean,
    goLive: (cursor: Position) => boolean,
  ): Promise<'over' | 'away' | 'more'> {
    if (listener.isCongested()) await roomOrEnd(listener, isOpen);
    if (!isOpen()) return 'over';
    const page = await this.#page();
    if (!isOpen()) return 'over';
    if (!page) return 'away';
    const isLast = this.#pass(page, listener) && page.length < LIMITS.publicationsPerPage;
    return isLast && goLive(this.#cursor) ? 'over' : 'more';
  }

  /** Leaves no timer behind. */
  close(): void {
    this.#stopWaiting?.();
  }

  /** Resolves after a while; never once it is closed. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopWaiting = this.#clock.after(TIMES.retryMs, resolve);
    });
  }

  /** False when the listener had no room for all of it. */
  #pass(page: readonly PublicationRecord[], listener: Listener<PublicationRecord>): boolean {
    for (const publication of page) {
      // Live events do not wait, and may have taken the room.
      if (listener.isCongested()) return false;
      this.#cursor = publication.position;
      listener.push(publication);
    }
    return true;
  }

  /** Null while the engine is unavailable. */
  async #page(): Promise<readonly PublicationRecord[] | null> {
    try {
      return await this.#read(LIMITS.publicationsPerPage);
    } catch (error) {
      if (isOutage(error)) return null;
      throw error;
    }
  }

  async #read(limit: number): Promise<readonly PublicationRecord[]> {
    const history = await this.#engine.readTopic(this.#tenant, this.#topic, this.#cursor.place, limit);
    const read = resumption(history, this.#cursor);
    if (read.outcome === 'expired') throw positionExpired(read.reason, { topic: this.#topic });
    for (const publication of read.publications) notePast(publication);
    return read.publications;
  }
}
