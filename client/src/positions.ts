/** The client's position: the last checkpoint, and the last position in each conversation since. */

export class Positions {
  #checkpoint: string | null = null;
  readonly #since = new Map<string, string>();

  /** Capped at what the service accepts; between two checkpoints no client gets events of more conversations. */
  get after(): string[] | null {
    return this.#checkpoint === null ? null : [this.#checkpoint, ...this.#since.values()];
  }

  /** The last checkpoint. Events after it may arrive again. */
  get last(): string | null {
    return this.#checkpoint;
  }

  moved(conversationId: string, position: string): void {
    this.#since.set(conversationId, position);
  }

  /** Drops the position in a conversation that was left or cannot be resumed. */
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
