/** The doubt of a channel: after an interruption a removal may have been missed, so nothing is delivered until the members were read. */
export class ChannelDoubt {
  #isInDoubt = false;
  #heardBefore: number | null = null;
  #interruptions = 0;

  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** The time up to which every announcement was received, by `Clock.elapsed`. Null: none may be missing. */
  get heardBefore(): number | null {
    return this.#heardBefore;
  }

  /** The bus was interrupted. `heardAt`: every announcement before this time was received. */
  begin(heardAt: number): void {
    this.#heardBefore ??= heardAt;
    this.#interruptions += 1;
    this.#isInDoubt = true;
  }

  /** Begins a read of the members. The returned function ends the doubt, or returns false after another interruption. */
  checking(): () => boolean {
    const interruptions = this.#interruptions;
    return () => {
      if (interruptions !== this.#interruptions) return false;
      this.#isInDoubt = false;
      return true;
    };
  }

  /** The state was read, too: no announcement is missing any more. */
  settle(): void {
    if (!this.#isInDoubt) this.#heardBefore = null;
  }
}
