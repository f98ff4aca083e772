/**
 * One socket as an actor: an identity, a bounded mailbox handled in order, an end.
 *
 * A frame is handled when the one before it has been accepted, so that a
 * `sendMessage` after a `subscribe` is always part of it, and an id is never in
 * flight twice. A fault of one connection ends that connection only.
 */
import { randomUUID } from 'node:crypto';
import type { RenewableBearer } from '../../access/bearer.ts';
import type { Clock } from '../../clock.ts';
import { roomOrEnd } from '../../delivery/back-pressure.ts';
import type { TokenHolder } from '../../delivery/sessions/channel.ts';
import { CLOSE_CODES, TOO_SLOW } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConnectionId, Viewer } from '../../model.ts';
import type { Transport } from '../../observability/metrics.ts';
import type { AdmissibleSocket } from '../peers/admission.ts';
import { TextFrame } from '../peers/envelope.ts';
import { Lifetime, type LifetimeCallback, type LifetimeOwner } from '../peers/lifetime.ts';
import { Outbox, type OutboxOwner } from '../peers/outbox.ts';
import type { UnhandledBytes } from '../peers/unhandled-bytes.ts';
import type { AccountOwner, UnsentBytes } from '../peers/unsent-bytes.ts';
import type { FinalFrames, FrameHandler } from './frame-handler.ts';
import { Mailbox, type MailboxOwner } from './mailbox.ts';
import { attachRaw, type PeerSocket, type SocketEvents, type Sockets } from './peer-socket.ts';
import { ReadingCheck } from './reading-check.ts';
import { type ClosedWith, SocketClose } from './socket-close.ts';

const ANSWER = new TextFrame('', '');

export interface ConnectionOptions {
  readonly unsent: UnsentBytes;
  readonly unhandled: UnhandledBytes;
  readonly maxQueuedBytes: number;
  readonly heartbeatIntervalMs: number;
  readonly clientTimeoutMs: number;
}

/** The memory for the bytes of all peers is used up. */
const OVER_CAPACITY = [CLOSE_CODES.TRY_AGAIN_LATER, 'Over capacity'] as const;

export class Connection
  implements AdmissibleSocket, AccountOwner, MailboxOwner, OutboxOwner, SocketEvents, LifetimeOwner
{
  readonly id = randomUUID() as string as ConnectionId;
  /** Null until the connection is admitted. */
  bearer: RenewableBearer | null = null;
  /** The label in metrics and the log; set by admission. */
  transport: Transport = 'websocket';
  /** By `Clock.elapsed`. */
  readonly openedAt: number;
  /** The same as `bearer`, from before admission is complete to the end of the connection: it is notified of a revoked token. */
  arrival: TokenHolder | null = null;
  readonly #socket: PeerSocket;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: ConnectionOptions;
  #lastReceivedAt: number;
  #lastPingAt: number;
  readonly outbox: Outbox;
  readonly #lifetime: Lifetime;
  readonly #mailbox: Mailbox;
  #handler: FrameHandler | null = null;
  #handleBinary: (() => void) | null = null;
  #onTick: (() => void) | null = null;
  #finalFrames: FinalFrames | null = null;
  /** Null: nothing was asked. */
  #readingCheck: ReadingCheck | null = null;
  /** Null: it has not begun to close. */
  #socketClose: SocketClose | null = null;

  constructor({ webSocket: socket, raw }: Sockets, clock: Clock, log: Log, options: ConnectionOptions) {
    this.#socket = socket;
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
    this.#lifetime = new Lifetime(clock, this);
    this.outbox = new Outbox(raw, {
      maxQueuedBytes: options.maxQueuedBytes,
      lifetime: this.#lifetime,
      account: options.unsent.account(this),
      owner: this,
    });
    this.#mailbox = new Mailbox(options.unhandled, this, clock);
    // Whole milliseconds take no memory of their own.
    this.#lastReceivedAt = Math.trunc(clock.elapsed());
    this.#lastPingAt = this.#lastReceivedAt;
    this.openedAt = this.#lastReceivedAt;
    socket.attach(this);
    attachRaw(raw, this);
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    if (this.isOpen) {
      this.#received();
      if (!isBinary) this.#receive(data.toString());
      else if (this.#handleBinary) this.#handleBinary();
      else this.close(CLOSE_CODES.BAD_REQUEST, 'Text frames only');
    } else this.#ending.ignoreFrame(this.#socket);
    this.#mailbox.completed();
  }

  onPing(): void {
    this.#received();
  }

  onPong(data: Buffer): void {
    this.#received();
    this.#readingCheck?.answer(data.toString());
  }

  /** Called once, for a close by us, or by ws for a forbidden frame. */
  onBeforeClose(code: number | undefined): void {
    this.outbox.flush();
    const lastWords = this.#finalFrames;
    this.#finalFrames = null;
    if (!lastWords || code === undefined || SocketClose.isOfReader(code)) return;
    for (const text of lastWords(code, this.closedWith.reason)) this.#write(text);
  }

  // When the peer sends a close frame first, or a forbidden frame, ws answers by itself.
  onClosing(code: number | undefined): void {
    this.#ending.onLibraryClose(code);
    this.#end();
  }

  onRawEnd(): void {
    this.#end();
  }

  onClosed(code: number, reason: Buffer): void {
    this.#ending.end(code, reason.toString());
    this.#end();
    this.#lifetime.close();
  }

  onError(error: Error): void {
    this.#log.debug({ err: error, connection: this.id }, 'socket error');
  }

  onPiece(piece: Buffer): void {
    this.#mailbox.take(piece, this.#socket);
  }

  onOverflow(): void {
    this.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
  }

  handle(text: string): Promise<void> | undefined {
    return this.#handler?.handle(text);
  }

  onRoom(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  onFailure(error: unknown): void {
    this.#log.error({ err: error, connection: this.id }, 'connection failed');
    this.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Something went wrong');
  }

  turnAway(): void {
    this.close(...OVER_CAPACITY);
    // Its capacity is needed now, not when the peer has answered the close.
    this.cut();
  }

  onPeerEnd(): void {
    this.#handler?.onPeerEnd?.();
  }

  get isStranger(): boolean {
    return this.bearer === null && this.isOpen;
  }

  get viewer(): Viewer | null {
    return this.bearer?.viewer ?? null;
  }

  get queuedBytes(): number {
    return this.outbox.queuedBytes;
  }

  get isOpen(): boolean {
    return this.#lifetime.isOpen;
  }

  get isClosed(): boolean {
    return this.#lifetime.isClosed;
  }

  /** Whether it ended with a close frame of the peer: everything sent before was read. */
  get wasClean(): boolean {
    return this.#ending.wasClean;
  }

  /** The code and reason of the close, by us or by the peer. */
  get closedWith(): ClosedWith {
    return this.#ending.closedWith;
  }

  /** Handles binary frames; without it they close the connection. */
  onBinary(handle: () => void): void {
    this.#handleBinary = handle;
  }

  /** Called about every second. */
  onTick(tick: () => void): void {
    this.#onTick = tick;
  }

  /**
   * Calls back once the peer has read everything written so far. Returns its number in the
   * outbox; null: a ping is in flight already.
   */
  ask(acknowledged: () => void): number | null {
    if (!this.isOpen) return null;
    this.#readingCheck ??= new ReadingCheck();
    const data = this.#readingCheck.begin(acknowledged);
    if (data === null) return null;
    this.outbox.flush();
    this.#socket.ping(data);
    return this.outbox.written;
  }

  /** Sets the frames to send before a close that the peer did not ask for. */
  setFinalFrames(lastWords: FinalFrames): void {
    this.#finalFrames = lastWords;
  }

  /** Excess frames of such a peer stay unread, and it is not closed for them. */
  bePatientWith(peer: 'stranger' | 'gateway'): void {
    this.#mailbox.patientWith = peer;
  }

  /** Handles frames from now on. */
  onFrame(handler: FrameHandler): void {
    this.#handler = handler;
  }

  /** Calls back once nothing more may be sent, at once if that is so. The returned function forgets it. */
  onEnd(ended: () => void): () => void {
    return this.#lifetime.onEnd(ended);
  }

  onClose(closed: (connection: Connection) => void): void {
    this.#lifetime.onClose(closed as LifetimeCallback);
  }

  /**
   * Sends a text frame of the protocol's own, in order with those of the outbox.
   * Resolves when the peer has read enough. Until then the mailbox stops, so a peer that
   * sends and never reads makes us keep one answer, not all (G10).
   */
  async send(text: string): Promise<void> {
    if (!this.isOpen) return;
    // A long answer does not make the peer a slow consumer, and need not be copied.
    if (text.length <= LIMITS.deferredAnswerCharacters && !this.outbox.isCongested())
      this.outbox.write(ANSWER, Buffer.from(text));
    else {
      this.outbox.flush();
      this.#write(text);
      this.outbox.count();
    }
    if (this.outbox.isCongested()) await roomOrEnd(this.outbox, () => this.isOpen);
  }

  tick(now: number): void {
    if (now - this.#lastReceivedAt >= this.#options.clientTimeoutMs) {
      return this.close(CLOSE_CODES.TIMEOUT, 'Silent for too long');
    }
    if (this.#mailbox.hangs(now)) {
      this.#log.error({ connection: this.id }, 'handler hangs');
      return this.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Something took too long');
    }
    this.#onTick?.();
    if (now - this.#lastPingAt < this.#options.heartbeatIntervalMs) return;
    this.#lastPingAt = Math.trunc(now);
    if (this.isOpen) this.#socket.ping();
  }

  /** Closes once the present frame is answered; no other is begun. */
  retire(code: number, reason: string): void {
    this.#mailbox.finish(() => this.close(code, reason));
  }

  /** Closes once; a peer that does not answer is cut off. */
  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.outbox.flush();
    // The flush may have found a slow consumer, and closed already.
    if (!this.isOpen) return;
    this.#socket.close(code, this.#ending.begin(code, reason));
  }

  cut(): void {
    this.#socket.terminate();
    this.#end();
  }

  get #ending(): SocketClose {
    this.#socketClose ??= new SocketClose();
    return this.#socketClose;
  }

  #received(): void {
    this.#lastReceivedAt = Math.trunc(this.#clock.elapsed());
  }

  /** Sends a frame of its own, which counts until it has left. */
  #write(text: string): void {
    this.#socket.send(text, () => void this.outbox.count());
  }

  /** Nothing more is read, and only the close frame is written. */
  #end(): void {
    this.#mailbox.clear();
    this.#lifetime.end();
  }

  #receive(text: string): void {
    // Before it begins: a frame that is being handled cannot be released.
    if (!this.#options.unhandled.hasRoomFor(text.length)) return this.close(...OVER_CAPACITY);
    const taken = this.#mailbox.add(text);
    if (taken === 'over') return this.close(CLOSE_CODES.TOO_MANY, 'Too many frames at once');
    if (taken === 'full') this.#socket.pause();
    this.#mailbox.begin();
  }
}
