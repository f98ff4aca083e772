/** Closes opened parts in reverse order. If one fails to close, the others are still closed. */
import type { Log } from './log.ts';

export class Closers {
  readonly #log: Log;
  readonly #closers: { readonly name: string; close(): unknown }[] = [];
  #closing: Promise<void> | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Called as soon as a part is open, before anything that may fail. */
  push(name: string, close: () => unknown): void {
    this.#closers.push({ name, close });
  }

  /** @throws The first failure, once all are closed that can be. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const faults: unknown[] = [];
    for (let last = this.#closers.pop(); last; last = this.#closers.pop()) {
      try {
        await last.close();
      } catch (error) {
        faults.push(error);
        this.#log.error({ err: error, part: last.name }, 'part not closed');
      }
    }
    if (faults.length > 0) throw faults[0];
  }
}
