/**
 * When the reader of an inbox gets checkpoints: the first one once everything missed was sent, later ones after events, with
 * an interval between two.
 */
import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engine/port.ts';
import { TIMES } from '../../limits.ts';
import type { CheckpointRecord, Position } from '../../model.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { ReportingStream } from './list-reporter.ts';

export interface CheckpointScheduleOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly checkpoints: Checkpoints;
  /** Null: the stream is not open yet. */
  readonly stream: () => ReportingStream | null;
  /** The position of the list up to which changes were reported; null: not read yet. */
  readonly list: () => Position | null;
  /** Whether changes must still be sent or confirmed, so that no checkpoint is possible now. */
  readonly isUndecided: () => boolean;
  readonly deliver: (position: CheckpointRecord['position']) => void;
  /** Calls again later, while the stream is open. */
  readonly onFailed: (error: unknown, again: () => void) => void;
}

export class CheckpointSchedule {
  readonly #options: CheckpointScheduleOptions;
  #hasBegun = false;
  #lastAt = Number.NEGATIVE_INFINITY;
  #stopWaiting: (() => void) | null = null;

  constructor(options: CheckpointScheduleOptions) {
    this.#options = options;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Sends the first checkpoint. */
  begin(): void {
    this.#hasBegun = true;
    void this.#send(true);
  }

  /** Plans a checkpoint after the first one, not before the interval between two. */
  plan(): void {
    const { clock, stream } = this.#options;
    if (!this.#hasBegun || this.#stopWaiting || !stream()?.isOpen) return;
    const waitMs = Math.max(this.#lastAt + TIMES.checkpointMs - clock.elapsed(), 0);
    this.#stopWaiting = clock.after(waitMs, () => {
      this.#stopWaiting = null;
      void this.#send(false);
    });
  }

  close(): void {
    this.#stopWaiting?.();
  }

  async #send(isFirst: boolean): Promise<void> {
    const { engine, clock, checkpoints, isUndecided, deliver, onFailed } = this.#options;
    try {
      const now = await engine.time();
      const stream = this.#options.stream();
      if (!stream?.isOpen) return;
      const elapsed = clock.elapsed();
      this.#lastAt = elapsed;
      const scanned = await checkpoints.scan(stream, elapsed);
      if (!stream.isOpen) return;
      const taken = isUndecided() ? null : checkpoints.take(stream, scanned);
      if (isFirst && !taken) return void clock.after(TIMES.retryMs, () => void this.#send(true));
      const list = this.#options.list();
      // The reader resumes from the previous checkpoint, with all positions since.
      if (!taken || !list || (!taken.isWhole && !isFirst)) return this.plan();
      const time = Math.max(Math.floor(now - (elapsed - taken.upTo)), 0);
      deliver({ time, list, points: taken.points });
    } catch (error) {
      onFailed(error, () => void this.#send(isFirst));
    }
  }
}
