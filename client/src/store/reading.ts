/**
 * Events that arrived during a read.
 *
 * An answer shows the state at some moment between question and answer. It includes all events before the question.
 * Later events may be newer or older than the answer; if older, newer ones will follow. So the state of objects with
 * later events is kept, and the answer is used for the rest.
 */
export class Reading {
  readonly #marked = new Set<string>();
  /** All that is known was lost: nothing of the answer continues it. */
  isOfAll = false;

  mark(id: string): void {
    this.#marked.add(id);
  }

  /** Whether the answer may be older than the known state of this object. */
  isOutdated(id: string): boolean {
    return this.isOfAll || this.#marked.has(id);
  }
}

export class Readings {
  readonly #open = new Set<Reading>();

  mark(id: string): void {
    for (const reading of this.#open) reading.mark(id);
  }

  markAll(): void {
    for (const reading of this.#open) reading.isOfAll = true;
  }

  /** Returns the result of `take`. */
  async during<Answer, Taken>(
    ask: () => Promise<Answer>,
    take: (answer: Answer, reading: Reading) => Taken,
  ): Promise<Taken> {
    const reading = new Reading();
    this.#open.add(reading);
    try {
      return take(await ask(), reading);
    } finally {
      this.#open.delete(reading);
    }
  }
}
