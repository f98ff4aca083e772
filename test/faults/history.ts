/** The events of a run, as its clients saw them. */

/** A message as a response or an event shows it. */
export interface Seen {
  readonly id: string;
  readonly conversationId: string;
  readonly sequence: number;
  readonly position: string;
  readonly clientMessageId: string;
}

/** One subscriber of one conversation, from its first message on. */
export interface Heard {
  readonly conversationId: string;
  readonly events: Seen[];
  /** Codes of errors that ended or troubled its stream. */
  readonly errors: string[];
  /** Codes its sockets were closed with. */
  readonly closes: number[];
  /** When each of them was, by `performance.now()`. */
  readonly closedAt: number[];
}

export interface History {
  /** What was acknowledged to its sender. */
  readonly acknowledged: Seen[];
  /** Answers no writer may get. */
  readonly refusals: string[];
  readonly heard: Heard[];
}

/** One object for what many heard: with a copy for each, the history of a crowd would not fit into memory on a slow machine. */
export class SharedEvents {
  readonly #known = new Map<string, Seen>();

  of(event: Seen): Seen {
    const known = this.#known.get(event.position);
    if (!known) this.#known.set(event.position, event);
    return known && isSame(known, event) ? known : event;
  }
}

const isSame = (a: Seen, b: Seen): boolean =>
  a.id === b.id &&
  a.conversationId === b.conversationId &&
  a.sequence === b.sequence &&
  a.clientMessageId === b.clientMessageId;
