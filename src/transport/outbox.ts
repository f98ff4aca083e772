/**
 * Text frames written straight to a socket, between ws's own.
 *
 * The frames of one turn of the event loop are put together and written at its
 * end, for all sockets by one list: a burst of events costs one system call a
 * socket. They are joined by copying, which for small frames is cheaper than the
 * stream's cork and writev. A peer that does not read is noticed after the
 * write, when the kernel has taken what it would (G10).
 */
import type { Duplex } from 'node:stream';

export interface OutboxOptions {
  readonly maxQueuedBytes: number;
  /** The peer holds more than the cap unread. */
  readonly onOverflow: () => void;
}

const FINAL_TEXT = 0x81;
const CLOSING_BRACE = 0x7d;

/** A server's text frame (RFC 6455 section 5.2) around `prefix`, `payload` and `}`. */
export function frame(prefix: Buffer, payload: Buffer): Buffer {
  const length = prefix.length + payload.length + 1;
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const buffer = Buffer.allocUnsafe(header + length);
  buffer[0] = FINAL_TEXT;
  if (header === 2) buffer[1] = length;
  else if (header === 4) {
    buffer[1] = 126;
    buffer.writeUInt16BE(length, 2);
  } else {
    buffer[1] = 127;
    buffer.writeBigUInt64BE(BigInt(length), 2);
  }
  prefix.copy(buffer, header);
  payload.copy(buffer, header + prefix.length);
  buffer[buffer.length - 1] = CLOSING_BRACE;
  return buffer;
}

let dirty: Outbox[] = [];

function flushAll(): void {
  const outboxes = dirty;
  dirty = [];
  for (const outbox of outboxes) outbox.flush();
}

export class Outbox {
  readonly #socket: Duplex;
  readonly #options: OutboxOptions;
  #frames: Buffer[] = [];
  #frameBytes = 0;
  #waiting: (() => void)[] = [];

  constructor(socket: Duplex, options: OutboxOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('drain', () => this.#release());
    socket.on('close', () => this.#release());
  }

  get isCongested(): boolean {
    return this.#socket.writableLength + this.#frameBytes > this.#options.maxQueuedBytes / 2;
  }

  /** Writes `{prefix}{payload}}` as one frame, at the end of this turn. */
  write(prefix: Buffer, payload: Buffer): void {
    const buffer = frame(prefix, payload);
    this.#frameBytes += buffer.length;
    if (this.#frames.push(buffer) === 1 && dirty.push(this) === 1) setImmediate(flushAll);
  }

  /** Writes what waits now; whatever is written to the socket after it follows it. */
  flush(): void {
    const frames = this.#frames;
    const [first] = frames;
    if (first === undefined) return;
    this.#frames = [];
    this.#frameBytes = 0;
    if (!this.#socket.writable) return;
    this.#socket.write(frames.length === 1 ? first : Buffer.concat(frames));
    if (this.#socket.writableLength > this.#options.maxQueuedBytes) this.#options.onOverflow();
    else if (this.#waiting.length > 0 && !this.isCongested) this.#release();
  }

  /** Resolves when the peer has read enough for a replay to go on. */
  drained(): Promise<void> {
    if (!this.isCongested || this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
