/** A place at which one expression runs at a time. Its thread is begun with the first, and again after one that overran. */
import type { Evaluation, Outcome } from './evaluator.ts';
import { Thread } from './thread.ts';

export class Lane {
  #thread: Thread | null = null;
  #isClosed = false;
  isBusy = false;

  get isReady(): boolean {
    return this.#thread?.isReady ?? false;
  }

  async run(evaluation: Evaluation, limitMs: () => number): Promise<Outcome> {
    this.isBusy = true;
    try {
      const thread = this.#begin();
      await thread.ready;
      return await thread.evaluate(evaluation, limitMs());
    } catch (error) {
      this.#thread = null;
      return { outcome: 'FAULT', reason: (error as Error).message, ranMs: 0 };
    } finally {
      if (this.#thread?.isOver) this.#renew();
      this.isBusy = false;
    }
  }

  #begin(): Thread {
    if (this.#isClosed) throw new Error('No expression is evaluated any more.');
    this.#thread ??= new Thread();
    return this.#thread;
  }

  /** At once, so that the next does not wait for it. */
  #renew(): void {
    this.#thread = this.#isClosed ? null : new Thread();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#thread?.close();
  }
}
