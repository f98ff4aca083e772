/** Reads what a channel missed: one read at a time, and another if something was missed meanwhile. */
export class CatchUp {
  readonly #readNext: () => Promise<boolean>;
  readonly #failed: (error: unknown) => void;
  #isRunning = true;
  #isBehind = false;
  #isClosed = false;

  /**
   * `readNext` passes on the next part, and returns false if there is more. After `failed` the caller calls `run` again.
   */
  constructor(readNext: () => Promise<boolean>, failed: (error: unknown) => void) {
    this.#readNext = readNext;
    this.#failed = failed;
  }

  /** Announcements are dropped meanwhile, since the read includes them. True until `begin`. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Whether everything that was missed has been passed on. */
  get isDone(): boolean {
    return !this.#isRunning && !this.#isBehind;
  }

  /** An announcement was dropped: the next run reads it. */
  missed(): void {
    this.#isBehind = true;
  }

  /** The channel knows its position. */
  async begin(): Promise<void> {
    this.#isRunning = false;
    if (this.#isBehind) await this.run();
  }

  async run(): Promise<void> {
    this.#isBehind = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#isBehind && !this.#isClosed) {
        this.#isBehind = false;
        if (!(await this.#readNext())) this.#isBehind = true;
      }
    } catch (error) {
      this.#isBehind = true;
      this.#failed(error);
    } finally {
      this.#isRunning = false;
    }
  }

  close(): void {
    this.#isClosed = true;
  }
}
