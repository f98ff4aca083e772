/** The count of something per holder, and its cap. */
export class Quota {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  hasRoom(holder: string): boolean {
    return (this.#counts.get(holder) ?? 0) < this.#most;
  }

  /** Counts one more. The caller releases it once. */
  take(holder: string): void {
    this.#counts.set(holder, (this.#counts.get(holder) ?? 0) + 1);
  }

  give(holder: string): void {
    const left = (this.#counts.get(holder) ?? 1) - 1;
    if (left > 0) this.#counts.set(holder, left);
    else this.#counts.delete(holder);
  }
}
