/** Runs one expression at a time, in a process. It starts with the first expression, and again after an overrun. */

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
    if (this.#isClosed) throw new Error('The service is stopping: expressions are no longer evaluated.');
    this.#process ??= new EvaluatingProcess();
    return this.#process;
  }

  /** Starts the next process now, so that the next expression does not wait for it. */
  #renew(): void {
    this.#process = this.#isClosed ? null : new EvaluatingProcess();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#process?.close();
  }
}
