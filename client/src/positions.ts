/** The client's position: the last checkpoint, and the last position in each conversation since. */

export class Positions {
  /** The last checkpoint. Events after it may arrive again. */
  last: string | null = null;
  readonly since = new Map<string, string>();

  /** Capped at what the service accepts; between two checkpoints no client gets events of more conversations. */
  get after(): string[] | null {
    return this.last === null ? null : [this.last, ...this.since.values()];
  }

  /** At a checkpoint; null: from now on. */
  restart(checkpoint: string | null): void {
    this.last = checkpoint;
    this.since.clear();
  }
}
