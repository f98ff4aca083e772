/** One read for all who ask at about the same time, never one that began before they asked. */
export class SharedRead<Answer> {
  readonly #read: () => Promise<Answer>;
  #running: Promise<Answer> | null = null;
  #next: Promise<Answer> | null = null;

  constructor(read: () => Promise<Answer>) {
    this.#read = read;
  }

  /** What is so now, or a moment later. Rejects as the read does. */
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
