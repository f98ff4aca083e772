/**
 * Frames of one socket that are not dealt with: a message that has not come in full, frames that wait, and the one that
 * is being handled. All of it counts in `Unhandled`.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { LIMITS } from '../../limits.ts';
import type { Parcel } from '../peers/unhandled.ts';

/** Of ws, which does not tell: what it holds of the frame that comes, and the fragments before it. */
interface Receiving {
  readonly _receiver: { readonly _bufferedBytes: number; readonly _fragments: readonly Buffer[] };
}

/** What a frame takes beside its text. */
const FRAME_BYTES = 64;

export class Mailbox {
  readonly #parcel: Parcel;
  /** Whether what is being handled is let go of when the socket is closed: it waits until it is known who sent it. */
  readonly #isOfStranger: () => boolean;
  readonly #frames: string[] = [];
  #frameBytes = 0;
  #partialBytes = 0;
  #inHand = 0;

  constructor(parcel: Parcel, isOfStranger: () => boolean) {
    this.#parcel = parcel;
    this.#isOfStranger = isOfStranger;
  }

  /** Counts what comes. Each piece as a whole: a single byte of it that is held keeps all of it in memory. */
  watch(socket: WebSocket, raw: Duplex): void {
    const { _receiver: receiver } = socket as unknown as Receiving;
    socket.on('message', () => {
      this.#partialBytes = 0;
    });
    raw.on('data', (piece: Buffer) => {
      const isPartial = receiver._bufferedBytes > 0 || receiver._fragments.length > 0;
      this.#partialBytes = isPartial ? this.#partialBytes + piece.length : 0;
      this.#count();
    });
  }

  get isFull(): boolean {
    return this.#frames.length >= LIMITS.queuedFrames || this.#frameBytes > LIMITS.queuedFrameBytes;
  }

  get hasRoom(): boolean {
    return this.#frames.length < LIMITS.queuedFrames / 2 && this.#frameBytes < LIMITS.queuedFrameBytes / 2;
  }

  /** Of frames that wait. */
  get bytes(): number {
    return this.#frameBytes;
  }

  /** The gateway's, which speaks for many. */
  set isOfMany(isOfMany: boolean) {
    this.#parcel.isOfMany = isOfMany;
  }

  add(text: string): void {
    this.#frames.push(text);
    this.#frameBytes += text.length;
  }

  /** The next to be handled; `done` follows. */
  take(): string | undefined {
    const text = this.#frames.shift();
    if (text === undefined) return undefined;
    this.#frameBytes -= text.length;
    this.#inHand = text.length;
    return text;
  }

  done(): void {
    this.#inHand = 0;
    this.#count();
  }

  /** Nothing that waits is handled any more. */
  clear(): void {
    this.#frames.length = 0;
    this.#frameBytes = 0;
    this.#partialBytes = 0;
    this.#count();
  }

  #count(): void {
    const waiting = this.#frameBytes + this.#frames.length * FRAME_BYTES + this.#partialBytes;
    if (this.#isOfStranger()) this.#parcel.update(waiting + this.#inHand, 0);
    else this.#parcel.update(waiting, this.#inHand);
  }
}
