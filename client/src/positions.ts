/** Where the client is in what it was told: the last checkpoint, and in each conversation the last message since. */

export class Positions {
  #checkpoint: string | null = null;
  readonly #since = new Map<string, string>();

  /** The service takes so many at most; nobody receives messages of more conversations between two checkpoints. */
  get after(): string[] | null {
    return this.#checkpoint === null ? null : [this.#checkpoint, ...this.#since.values()];
  }

  /** Events after it may come again. */
  get last(): string | null {
    return this.#checkpoint;
  }

  moved(conversationId: string, position: string): void {
    this.#since.set(conversationId, position);
  }

  /** Nothing of it is known any more, or nothing can be continued. */
  forget(conversationId: string): void {
    this.#since.delete(conversationId);
  }

  checkpoint(position: string): void {
    this.#checkpoint = position;
    this.#since.clear();
  }

  clear(): void {
    this.#checkpoint = null;
    this.#since.clear();
  }
}
