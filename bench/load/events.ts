/** A stream of events over HTTP, as far as a client that only counts needs it. */
import { MARK, TOKEN_LENGTH } from '../payload.ts';

/** `mark` is where the mark of a message is. */
export type OnMessage = (buffer: Buffer, mark: number) => void;

const NOTHING = Buffer.alloc(0);

/** Finds the messages in what a socket reads; the start of one that is incomplete is kept for the next read. */
export class EventReader {
  readonly #onMessage: OnMessage;
  #rest = NOTHING;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  /** The buffer may be used again once this returns. */
  push(chunk: Buffer, from: number, to: number): void {
    const read = chunk.subarray(from, to);
    const text = this.#rest.length === 0 ? read : Buffer.concat([this.#rest, read]);
    let after = 0;
    for (let mark = text.indexOf(MARK); mark >= 0; mark = text.indexOf(MARK, after)) {
      this.#onMessage(text, mark);
      after = mark + 1;
    }
    this.#rest = Buffer.from(text.subarray(Math.max(after, text.length - TOKEN_LENGTH)));
  }
}
