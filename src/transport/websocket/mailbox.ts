/**
 * The frames of one socket, handled in order: an incomplete message, queued frames, and the one
 * being handled. All of them count in `UnhandledBytes`.
 */
import type { WebSocket } from 'ws';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import { arrivals } from '../peers/arrival-turns.ts';
import type { ByteSource, PeerBytes, UnhandledBytes } from '../peers/unhandled-bytes.ts';

/** A private part of ws: the bytes of the incoming frame, and the fragments before it. */
interface Receiving {
  readonly _receiver: { readonly _bufferedBytes: number; readonly _fragments: readonly Buffer[] };
}

/** The overhead of a frame beside its text. */
const FRAME_BYTES = 64;

export interface MailboxOwner extends ByteSource {
  /** Whether the owner's user is unknown; the present frame is then released when the socket closes. */
  readonly isStranger: boolean;
  readonly isOpen: boolean;
  /** Handles one frame; resolves when the next may follow. */
  handle(text: string): Promise<void> | undefined;
  /** The mailbox is half empty again. */
  onRoom(): void;
  onFailure(error: unknown): void;
}

export class Mailbox {
  readonly #unhandled: UnhandledBytes;
  /** Null: no bytes are counted. */
  #bytes: PeerBytes | null = null;
  readonly #owner: MailboxOwner;
  /** Null: no frame waits. */
  #frames: string[] | null = null;
  #frameBytes = 0;
  #partialBytes = 0;
  #inHand = 0;
  readonly #clock: Clock;
  /** The time at which the present frame began to be handled; null: none is. */
  #busySince: number | null = null;
  /** A frame waits for its turn of the event loop. */
  #isNext = false;
  /** Set when the frame being handled is the last. */
  #onIdle: (() => void) | null = null;

  /** A stranger’s user is not known yet; a gateway carries many users, who all come at once. Null: one user. */
  patientWith: 'stranger' | 'gateway' | null = null;

  constructor(unhandled: UnhandledBytes, owner: MailboxOwner, clock: Clock) {
    this.#unhandled = unhandled;
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Counts incoming bytes, each chunk as a whole, since one byte keeps the whole chunk in memory. */
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

  get #isFull(): boolean {
    return this.#waiting >= LIMITS.queuedFrames || this.#frameBytes > LIMITS.queuedFrameBytes;
  }

  get #hasRoom(): boolean {
    return this.#waiting < LIMITS.queuedFrames / 2 && this.#frameBytes < LIMITS.queuedFrameBytes / 2;
  }

  /**
   * Queues a frame. Full: nothing more should be read until `onRoom`. Over: it was full before, and one who has a
   * socket alone should have waited for answers.
   */
  add(text: string): 'taken' | 'full' | 'over' {
    const wasFull = this.#isFull;
    if (this.#frames) this.#frames.push(text);
    else this.#frames = [text];
    this.#frameBytes += Buffer.byteLength(text);
    if (this.patientWith === 'gateway') return this.#isFull ? 'full' : 'taken';
    if (wasFull || this.#frameBytes > LIMITS.queuedFrameBytes) return 'over';
    const isStranger = this.patientWith === 'stranger' && this.#owner.isStranger;
    return isStranger && this.#frameBytes > LIMITS.strangerBodyBytes ? 'full' : 'taken';
  }

  /** Begins to handle what is queued, in a turn of the event loop. */
  begin(): void {
    if (this.#busySince !== null || this.#isNext) return;
    this.#isNext = true;
    arrivals.enter(this.#owner, () => void this.#work());
  }

  /** Calls back when no frame is being handled: at once, or after the present one. No other is begun. */
  finish(idle: () => void): void {
    if (this.#busySince === null) idle();
    else this.#onIdle = idle;
  }

  /** Whether the present frame has been handled for too long. `now` is `Clock.elapsed`. */
  hangs(now: number): boolean {
    return this.#busySince !== null && now - this.#busySince >= TIMES.handlerMs;
  }

  async #work(): Promise<void> {
    this.#isNext = false;
    const owner = this.#owner;
    try {
      while (owner.isOpen && !this.#onIdle) {
        const text = this.#next();
        if (text === undefined) break;
        if (this.#hasRoom) owner.onRoom();
        // Whole milliseconds take no memory of their own.
        this.#busySince = Math.trunc(this.#clock.elapsed());
        await owner.handle(text);
        this.#done();
        if (this.#frames === null) break;
        await arrivals.next(owner);
      }
    } catch (error) {
      owner.onFailure(error);
    } finally {
      this.#busySince = null;
      this.#done();
      this.#onIdle?.();
    }
  }

  /** The next frame to handle; `#done` follows. */
  #next(): string | undefined {
    const text = this.#frames?.shift();
    if (text === undefined) return undefined;
    if (this.#waiting === 0) this.#frames = null;
    this.#inHand = Buffer.byteLength(text);
    this.#frameBytes -= this.#inHand;
    return text;
  }

  #done(): void {
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
      this.#bytes ??= this.#unhandled.of(this.#owner);
      this.#bytes.isOfMany = this.patientWith === 'gateway';
    }
    const bytes = this.#bytes;
    if (!bytes) return;
    if (this.#owner.isStranger) bytes.update(waiting + this.#inHand, 0);
    else bytes.update(waiting, this.#inHand);
    if (bytes.bytes === 0) this.#bytes = null;
  }
}
