/** The part of event streams over HTTP that a counting client needs. */
import { MARK, TOKEN_LENGTH } from '../payload.ts';

/** @param mark the offset of a message's mark */
export type OnMessage = (buffer: Buffer, mark: number) => void;

const NOTHING = Buffer.alloc(0);

/** Finds the messages in the bytes that a socket reads. Keeps the start of an incomplete one for the next read. */
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
