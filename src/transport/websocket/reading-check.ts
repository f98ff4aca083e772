/** Asks a peer by a ping whether it has read all that was written before. One ping is in flight at a time. */
export class ReadingCheck {
  #asked = 0;
  #acknowledged: (() => void) | null = null;

  /** Returns the data of the ping, which the pong repeats (RFC 6455 section 5.5.3); null: one is in flight. */
  begin(acknowledged: () => void): string | null {
    if (this.#acknowledged) return null;
    this.#asked += 1;
    this.#acknowledged = acknowledged;
    return String(this.#asked);
  }

  /** A pong came. */
  answer(data: string): void {
    const acknowledged = this.#acknowledged;
    if (!acknowledged || data !== String(this.#asked)) return;
    this.#acknowledged = null;
    acknowledged();
  }
}
