/**
 * Signals over their rate that are still to be applied: the latest of each kind.
 *
 * Each user with waiting signals has one timer. While a signal waits, later signals of that user wait too, so no signal
 * overtakes an earlier one.
 */
import type { Clock } from '../clock.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Signal } from '../model.ts';
import { withoutBudget } from './budget.ts';
import { type TokenBucket, takeAll, waitForAll } from './token-bucket.ts';

interface DeferredSignal {
  readonly signal: Signal<unknown>;
  readonly buckets: readonly TokenBucket[];
}

interface Queue {
  /** By kind, in the order of arrival. */
  readonly signals: Map<string, DeferredSignal>;
  /** Cancels the timer; null while a signal is being applied. */
  cancel: (() => void) | null;
}

export class DeferredSignals {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queues = new Map<string, Queue>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether anything of this user waits. */
  has(user: string): boolean {
    return this.#queues.has(user);
  }

  /** Applies a signal when these buckets allow it; the returned function withdraws it. */
  defer(user: string, signal: Signal<unknown>, buckets: readonly TokenBucket[]): () => void {
    const queue = this.#queues.get(user) ?? { signals: new Map<string, DeferredSignal>(), cancel: null };
    const { signals } = queue;
    const waiting = signals.get(signal.kind);
    if (waiting && waiting.signal.rank > signal.rank) return () => undefined;
    const entry = { signal, buckets };
    signals.delete(signal.kind);
    const [oldest] = signals.keys();
    if (signals.size >= LIMITS.deferredSignalsPerUser && oldest !== undefined) signals.delete(oldest);
    signals.set(signal.kind, entry);
    if (!this.#queues.has(user)) {
      this.#queues.set(user, queue);
      this.#wait(user, queue, 0);
    }
    return () => {
      if (signals.get(signal.kind) === entry) signals.delete(signal.kind);
    };
  }

  /** Applies all waiting signals, whatever the rates, because the process stops. */
  async close(): Promise<void> {
    const all = [...this.#queues.values()];
    this.#queues.clear();
    for (const { cancel } of all) cancel?.();
    await Promise.allSettled(all.flatMap(({ signals }) => [...signals.values()].map(({ signal }) => signal.apply())));
  }

  #wait(user: string, queue: Queue, leastMs: number): void {
    const next = nextOf(queue);
    if (!next || this.#queues.get(user) !== queue) {
      this.#queues.delete(user);
      return;
    }
    const waitMs = Math.max(waitForAll(next.buckets, this.#clock.elapsed()), leastMs);
    queue.cancel = this.#clock.after(waitMs, () => {
      queue.cancel = null;
      void this.#applyNext(user, queue).then((restMs) => this.#wait(user, queue, restMs));
    });
  }

  /** Returns how long to wait before the next signal. */
  async #applyNext(user: string, { signals }: Queue): Promise<number> {
    const next = nextOf({ signals });
    if (!next || waitForAll(next.buckets, this.#clock.elapsed()) > 0) return 0;
    takeAll(next.buckets, this.#clock.elapsed());
    const { signal } = next;
    signals.delete(signal.kind);
    try {
      await withoutBudget(() => signal.apply());
    } catch (error) {
      this.#log.debug({ err: error, kind: signal.kind }, 'a late signal was not applied');
      if (!(error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE')) return 0;
      // The engine is unavailable: the signal is retried, unless a newer signal replaced it.
      if (this.#queues.has(user) && !signals.has(signal.kind)) signals.set(signal.kind, next);
      return TIMES.deferredSignalRetryMs;
    }
    return 0;
  }
}

function nextOf({ signals }: Pick<Queue, 'signals'>): DeferredSignal | undefined {
  const all = [...signals.values()];
  return all.find(({ signal }) => signal.late === 'first') ?? all[0];
}
