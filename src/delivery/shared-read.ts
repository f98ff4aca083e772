/** Callers that ask while a read runs share the next read, so that no answer is older than its question. */
export class SharedRead<Answer> {
  readonly #read: () => Promise<Answer>;
  #running: Promise<Answer> | null = null;
  #next: Promise<Answer> | null = null;

  constructor(read: () => Promise<Answer>) {
    this.#read = read;
  }

  /** The answer of a read that begins now or later. Rejects as the read does. */
  ask(): Promise<Answer> {
    if (!this.#running) return this.#begin();
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<Answer> {
    this.#next = null;
    this.#running = this.#read().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }
}
