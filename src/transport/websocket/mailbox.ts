/**
 * Frames of one socket that are not handled yet: an incomplete message, queued frames, and the one
 * being handled. All of them count in `Unhandled`.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { LIMITS } from '../../limits.ts';
import type { Parcel } from '../peers/unhandled.ts';

/** A private part of ws: the bytes of the incoming frame, and the fragments before it. */
interface Receiving {
  readonly _receiver: { readonly _bufferedBytes: number; readonly _fragments: readonly Buffer[] };
}

/** The overhead of a frame beside its text. */
const FRAME_BYTES = 64;

export class Mailbox {
  readonly #parcel: Parcel;
  /** Whether the present frame is released when the socket closes: it waits until its sender is known. */
  readonly #isOfStranger: () => boolean;
  readonly #frames: string[] = [];
  #frameBytes = 0;
  #partialBytes = 0;
  #inHand = 0;

  constructor(parcel: Parcel, isOfStranger: () => boolean) {
    this.#parcel = parcel;
    this.#isOfStranger = isOfStranger;
  }

  /** Counts incoming bytes, each chunk as a whole: one held byte of it keeps all of it in memory. */
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

  /** The bytes of queued frames. */
  get bytes(): number {
    return this.#frameBytes;
  }

  /** The socket belongs to a gateway, which carries many users. */
  set isOfMany(isOfMany: boolean) {
    this.#parcel.isOfMany = isOfMany;
  }

  add(text: string): void {
    this.#frames.push(text);
    this.#frameBytes += text.length;
  }

  /** The next frame to handle; `done` follows. */
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

  /** Drops all queued frames. */
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
