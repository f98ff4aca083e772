/**
 * The counters of workers that hang or have died.
 *
 * The sum of all workers contains them. Otherwise the sum would decrease, which Prometheus takes for a restart, and
 * counts the whole sum again.
 */
import { addTogether, countersOf, type Figures } from './figures.ts';
import type { Reply } from './together.ts';

export class KeptCounters {
  /** The counters of workers that have died, added together, by the index of their place. */
  readonly #ended = new Map<number, Figures>();
  /** The last report of each living worker, by its index. */
  readonly #latest = new Map<number, Figures>();

  /** Called with the answer of a worker; null: it could not answer. */
  note(index: number, answer: unknown): void {
    if (answer !== null) this.#latest.set(index, countersOf(answer as Figures));
  }

  /** Called when a worker has died. */
  end(index: number): void {
    const latest = this.#latest.get(index);
    this.#latest.delete(index);
    if (latest) this.#ended.set(index, addTogether([this.#ended.get(index) ?? [], latest]));
  }

  /** Called when workers are asked. The returned function completes their replies; a worker that dies meanwhile is counted once. */
  complete(): (replies: readonly Reply[]) => readonly Reply[] {
    const ended = new Map(this.#ended);
    const latest = new Map(this.#latest);
    return (replies) =>
      replies.map((reply) => {
        // Always in this order: another order of the same numbers may make a smaller sum.
        const all = [ended.get(reply.index), (reply.answer as Figures | null) ?? latest.get(reply.index)];
        const known = all.filter((figures) => figures !== undefined);
        return { ...reply, answer: known.length > 1 ? addTogether(known) : (known[0] ?? null) };
      });
  }
}
