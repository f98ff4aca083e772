/** A place at which one expression runs at a time. Its process is begun with the first, and again after one that overran. */

import { EvaluatingProcess } from './evaluating-process.ts';
import type { Evaluation, Outcome } from './evaluator.ts';

export class Lane {
  #process: EvaluatingProcess | null = null;
  #isClosed = false;
  isBusy = false;

  async run(evaluation: Evaluation, limitMs: () => number): Promise<Outcome> {
    this.isBusy = true;
    try {
      const evaluating = this.#begin();
      await evaluating.ready;
      return await evaluating.evaluate(evaluation, limitMs());
    } catch (error) {
      this.#process = null;
      return { outcome: 'FAULT', reason: (error as Error).message, ranMs: 0 };
    } finally {
      if (this.#process?.isOver) this.#renew();
      this.isBusy = false;
    }
  }

  #begin(): EvaluatingProcess {
    if (this.#isClosed) throw new Error('No expression is evaluated any more.');
    this.#process ??= new EvaluatingProcess();
    return this.#process;
  }

  /** At once, so that the next does not wait for it. */
  #renew(): void {
    this.#process = this.#isClosed ? null : new EvaluatingProcess();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#process?.close();
  }
}
