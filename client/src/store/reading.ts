/**
 * What was told while something was being read.
 *
 * An answer says how things were at some moment between the question and the answer. What was told before the question
 * is in it. What was told since may be newer or older than the answer; if it is older, what is newer will be told as
 * well. So what was told since is kept, and the answer is taken for the rest.
 */
export class Reading {
  readonly #told = new Set<string>();
  /** All that is known was lost: nothing of the answer continues it. */
  isOfAll = false;

  tell(id: string): void {
    this.#told.add(id);
  }

  /** Whether the answer may be older than what is known of this. */
  wasTold(id: string): boolean {
    return this.isOfAll || this.#told.has(id);
  }
}

export class Readings {
  readonly #open = new Set<Reading>();

  tell(id: string): void {
    for (const reading of this.#open) reading.tell(id);
  }

  tellAll(): void {
    for (const reading of this.#open) reading.isOfAll = true;
  }

  /** Answers what `take` does. */
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
