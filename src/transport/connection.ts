/**
 * One socket as an actor: an identity, a bounded mailbox handled in order, an end.
 *
 * A frame is handled when the one before it has been accepted, so that a
 * `sendMessage` after a `subscribe` is always seen by it, and an id is never in
 * flight twice. Whatever goes wrong in one connection is that one's end.
 */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../clock.ts';
import { CLOSE_CODES } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { ConnectionId, Viewer } from '../model.ts';
import { Outbox } from './outbox.ts';
import type { Peer } from './supervisor.ts';

/** A web socket, and the socket under it, which the upgrade handed over. */
export interface Sockets {
  readonly webSocket: WebSocket;
  readonly raw: Duplex;
}

export interface ConnectionOptions {
  readonly maxQueuedBytes: number;
  readonly heartbeatIntervalMs: number;
  readonly clientTimeoutMs: number;
}

/** Handles one frame; resolves when the next may follow. */
export type HandleFrame = (text: string) => Promise<void>;

/** A close reason is at most 123 bytes (RFC 6455 section 5.5). */
const REASON_BYTES = 123;

export class Connection implements Peer {
  readonly id = randomUUID() as string as ConnectionId;
  /** Null until the connection has authenticated. */
  viewer: Viewer | null = null;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: ConnectionOptions;
  #lastHeardAt: number;
  #lastPingAt: number;
  readonly outbox: Outbox;
  readonly #frames: string[] = [];
  #frameBytes = 0;
  #handle: HandleFrame | null = null;
  #isBusy = false;
  /** The code we closed with, which a peer that never answers does not echo. */
  #closedWith: number | null = null;

  constructor({ webSocket: socket, raw }: Sockets, clock: Clock, log: Log, options: ConnectionOptions) {
    this.#socket = socket;
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
    const { maxQueuedBytes } = options;
    const onOverflow = (): void => this.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Too slow');
    this.outbox = new Outbox(raw, { maxQueuedBytes, isOpen: () => this.isOpen, onOverflow });
    this.#lastHeardAt = clock.now();
    this.#lastPingAt = clock.now();
    const heard = (): void => {
      this.#lastHeardAt = clock.now();
    };
    socket.on('ping', heard).on('pong', heard);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      heard();
      if (isBinary) return this.close(CLOSE_CODES.BAD_REQUEST, 'Text frames only');
      this.#receive(data.toString());
    });
    // Frames the protocol forbids: ws closes with the right code by itself.
    socket.on('error', (error) => log.debug({ err: error, connection: this.id }, 'socket error'));
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Takes frames from now on. */
  onFrame(handle: HandleFrame): void {
    this.#handle = handle;
  }

  onClose(closed: (code: number, reason: string) => void): void {
    this.#socket.once('close', (code: number, reason: Buffer) => closed(this.#closedWith ?? code, reason.toString()));
  }

  /**
   * Sends a text frame of the protocol's own, in order with those of the outbox.
   * Resolves when the peer has read enough: until then the mailbox stands still,
   * so that who sends and never reads makes us hold one answer, not all (G10).
   */
  async send(text: string): Promise<void> {
    if (!this.isOpen) return;
    this.outbox.flush();
    this.#socket.send(text);
    await this.outbox.drained();
  }

  tick(now: number): void {
    if (now - this.#lastHeardAt >= this.#options.clientTimeoutMs) {
      return this.close(CLOSE_CODES.TIMEOUT, 'Silent for too long');
    }
    if (now - this.#lastPingAt < this.#options.heartbeatIntervalMs) return;
    this.#lastPingAt = now;
    if (this.isOpen) this.#socket.ping();
  }

  /** Closes once; a peer that does not answer is cut off. */
  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.outbox.flush();
    // The flush may have found the peer too slow, and closed already.
    if (!this.isOpen) return;
    let text = reason;
    while (Buffer.byteLength(text) > REASON_BYTES) text = text.slice(0, -1);
    this.#closedWith = code;
    this.#socket.close(code, text);
    this.#frames.length = 0;
    this.#frameBytes = 0;
    const cancel = this.#clock.after(TIMES.terminateMs, () => this.#socket.terminate());
    this.#socket.once('close', cancel);
  }

  #receive(text: string): void {
    this.#frameBytes += text.length;
    if (this.#frames.length >= LIMITS.queuedFrames || this.#frameBytes > LIMITS.queuedFrameBytes) {
      return this.close(CLOSE_CODES.TOO_MANY, 'Too many frames at once');
    }
    this.#frames.push(text);
    if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    try {
      while (this.isOpen) {
        const text = this.#frames.shift();
        if (text === undefined) break;
        this.#frameBytes -= text.length;
        await this.#handle?.(text);
      }
    } catch (error) {
      this.#log.error({ err: error, connection: this.id }, 'connection failed');
      this.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Something went wrong');
    } finally {
      this.#isBusy = false;
    }
  }
}
