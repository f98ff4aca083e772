/** Questions to all workers. A worker that does not answer in time is reported as silent. */
import type { Clock } from '../clock.ts';
import type { Reply } from '../observability/together.ts';
import { TIMES } from '../times.ts';

/** A worker in one round. */
export interface Asked {
  readonly index: number;
  /** Null: the worker does not serve. */
  readonly ask: ((id: number) => void) | null;
}

interface Round {
  readonly answered: (index: number, answer: unknown) => void;
  readonly answers: Map<number, unknown>;
  readonly missing: Set<number>;
  readonly end: () => void;
}

export class Rounds {
  readonly #clock: Clock;
  readonly #rounds = new Map<number, Round>();
  #begun = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks each worker that serves; `answered` gets each answer when it comes, and `reply` one reply for each worker. */
  begin(workers: readonly Asked[], reply: (replies: readonly Reply[]) => void, answered: Round['answered']): void {
    this.#begun += 1;
    const id = this.#begun;
    const answers = new Map<number, unknown>();
    const missing = new Set(workers.flatMap(({ index, ask }) => (ask ? [index] : [])));
    const stopWaiting = this.#clock.after(TIMES.figuresMs, () => this.#rounds.get(id)?.end());
    const end = (): void => {
      stopWaiting();
      this.#rounds.delete(id);
      reply(workers.map(({ index, ask }) => ({ index, serves: ask !== null, answer: answers.get(index) ?? null })));
    };
    this.#rounds.set(id, { answers, missing, end, answered });
    for (const { ask } of workers) ask?.(id);
    if (missing.size === 0) end();
  }

  answer(index: number, id: number, answer: unknown): void {
    const round = this.#rounds.get(id);
    if (!round?.missing.delete(index)) return;
    round.answers.set(index, answer);
    round.answered(index, answer);
    if (round.missing.size === 0) round.end();
  }

  /** Called when a worker has died, which does not answer any more. */
  leave(index: number): void {
    for (const { missing, end } of [...this.#rounds.values()]) {
      if (missing.delete(index) && missing.size === 0) end();
    }
  }
}
