/**
 * Frames of one socket that are not handled yet: an incomplete message, queued frames, and the one
 * being handled. All of them count in `Unhandled`.
 */
import type { WebSocket } from 'ws';
import { LIMITS } from '../../limits.ts';
import type { Parcel, Sender, Unhandled } from '../peers/unhandled.ts';

/** A private part of ws: the bytes of the incoming frame, and the fragments before it. */
interface Receiving {
  readonly _receiver: { readonly _bufferedBytes: number; readonly _fragments: readonly Buffer[] };
}

/** The overhead of a frame beside its text. */
const FRAME_BYTES = 64;

export interface MailSender extends Sender {
  /** Whether the present frame is released when the socket closes: it waits until its sender is known. */
  readonly isStranger: boolean;
}

export class Mailbox {
  readonly #unhandled: Unhandled;
  /** Null: nothing is held. */
  #parcel: Parcel | null = null;
  readonly #sender: MailSender;
  /** Null: none waits. */
  #frames: string[] | null = null;
  #frameBytes = 0;
  #partialBytes = 0;
  #inHand = 0;

  /** The socket belongs to a gateway, which carries many users. */
  isOfMany = false;

  constructor(unhandled: Unhandled, sender: MailSender) {
    this.#unhandled = unhandled;
    this.#sender = sender;
  }

  /** Counts incoming bytes, each chunk as a whole: one held byte of it keeps all of it in memory. */
  take(piece: Buffer, socket: WebSocket): void {
    const { _receiver: receiver } = socket as unknown as Receiving;
    const isPartial = receiver._bufferedBytes > 0 || receiver._fragments.length > 0;
    this.#partialBytes = isPartial ? this.#partialBytes + piece.length : 0;
    this.#count();
  }

  /** A message has arrived completely. */
  completed(): void {
    this.#partialBytes = 0;
  }

  get #waiting(): number {
    return this.#frames?.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.#frames === null;
  }

  get isFull(): boolean {
    return this.#waiting >= LIMITS.queuedFrames || this.#frameBytes > LIMITS.queuedFrameBytes;
  }

  get hasRoom(): boolean {
    return this.#waiting < LIMITS.queuedFrames / 2 && this.#frameBytes < LIMITS.queuedFrameBytes / 2;
  }

  /** The bytes of queued frames. */
  get bytes(): number {
    return this.#frameBytes;
  }

  add(text: string): void {
    if (this.#frames) this.#frames.push(text);
    else this.#frames = [text];
    this.#frameBytes += text.length;
  }

  /** The next frame to handle; `done` follows. */
  next(): string | undefined {
    const text = this.#frames?.shift();
    if (text === undefined) return undefined;
    if (this.#waiting === 0) this.#frames = null;
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
    this.#frames = null;
    this.#frameBytes = 0;
    this.#partialBytes = 0;
    this.#count();
  }

  #count(): void {
    const waiting = this.#frameBytes + this.#waiting * FRAME_BYTES + this.#partialBytes;
    if (waiting + this.#inHand > 0) {
      this.#parcel ??= this.#unhandled.parcel(this.#sender);
      this.#parcel.isOfMany = this.isOfMany;
    }
    const parcel = this.#parcel;
    if (!parcel) return;
    if (this.#sender.isStranger) parcel.update(waiting + this.#inHand, 0);
    else parcel.update(waiting, this.#inHand);
    if (parcel.bytes === 0) this.#parcel = null;
  }
}
