/**
 * Payloads in their envelopes, written straight to a connection.
 *
 * What one turn of the event loop brings is joined and written at its end, for
 * all connections by one list: a burst of events costs one system call a
 * connection. Connections that are sent the same in the same turn share the
 * joined bytes. They are joined by copying, which for small payloads is cheaper
 * than the stream's cork and writev. A peer that does not read is noticed after
 * the write, when the kernel has taken what it would (G10).
 */
import type { Writable } from 'node:stream';
import type { Envelope } from './envelope.ts';

export interface OutboxOptions {
  readonly maxQueuedBytes: number;
  /** False once its protocol has said goodbye: nothing may follow that. */
  readonly isOpen: () => boolean;
  /** The peer holds more than the cap unread. */
  readonly onOverflow: () => void;
}

/** Payloads in a row. The same row, begun in the same turn, is the same object. */
class Run {
  readonly bytes: number;
  readonly #previous: Run | null;
  readonly #envelope: Envelope;
  readonly #payload: Buffer;
  /** The one last continued with: a channel tells its listeners the same, one after the other. */
  #next: Run | null = null;
  #joined: Buffer | null = null;

  constructor(previous: Run | null, envelope: Envelope, payload: Buffer) {
    this.#previous = previous;
    this.#envelope = envelope;
    this.#payload = payload;
    this.bytes = (previous?.bytes ?? 0) + envelope.size(payload.length);
  }

  is(envelope: Envelope, payload: Buffer): boolean {
    return this.#payload === payload && this.#envelope.key === envelope.key;
  }

  with(envelope: Envelope, payload: Buffer): Run {
    if (!this.#next?.is(envelope, payload)) this.#next = new Run(this, envelope, payload);
    return this.#next;
  }

  join(): Buffer {
    if (this.#joined) return this.#joined;
    const runs: Run[] = [];
    for (let run: Run | null = this; run; run = run.#previous) runs.push(run);
    const joined = Buffer.allocUnsafe(this.bytes);
    let offset = 0;
    for (let run = runs.pop(); run; run = runs.pop()) offset = run.#envelope.write(joined, offset, run.#payload);
    this.#joined = joined;
    return joined;
  }
}

const NOTHING = Buffer.alloc(0);

/** What was begun with last in this turn. */
let first: Run | null = null;
let dirty: Outbox[] = [];

function begin(envelope: Envelope, payload: Buffer): Run {
  if (!first?.is(envelope, payload)) first = new Run(null, envelope, payload);
  return first;
}

function flushAll(): void {
  const outboxes = dirty;
  dirty = [];
  first = null;
  for (const outbox of outboxes) outbox.flush();
}

export class Outbox {
  readonly #target: Writable;
  readonly #options: OutboxOptions;
  #run: Run | null = null;
  #waiting: (() => void)[] | null = null;
  #accepted = 0;
  #written = 0;
  /** Called when a write has left this process: `drain` comes only to those over the stream's own mark. */
  readonly #onWritten = (): void => {
    if (this.#waiting && !this.isCongested) this.#release();
  };

  constructor(target: Writable, options: OutboxOptions) {
    this.#target = target;
    this.#options = options;
    target.on('close', () => this.#release());
  }

  /** The number that `write` answered for the last payload written to the socket. What is dropped has a higher one. */
  get written(): number {
    return this.#written;
  }

  get queuedBytes(): number {
    return this.#target.writableLength + (this.#run?.bytes ?? 0);
  }

  get isCongested(): boolean {
    return this.queuedBytes > this.#options.maxQueuedBytes / 2;
  }

  /** Writes `payload` in its envelope, at the end of this turn; drops it when the peer is at its end. Numbers them. */
  write(envelope: Envelope, payload: Buffer): number {
    this.#accepted += 1;
    if (this.#run) this.#run = this.#run.with(envelope, payload);
    else {
      this.#run = begin(envelope, payload);
      if (dirty.push(this) === 1) setImmediate(flushAll);
    }
    return this.#accepted;
  }

  /** Writes what waits now; whatever is written to the target after it follows it. */
  flush(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = null;
    if (!this.#options.isOpen()) return;
    this.#written = this.#accepted;
    this.#target.write(run.join(), this.#onWritten);
    if (this.#target.writableLength > this.#options.maxQueuedBytes) this.#options.onOverflow();
  }

  /** Resolves when the peer has read enough for a replay to go on. */
  drained(): Promise<void> {
    if (!this.isCongested || this.#target.destroyed || !this.#options.isOpen()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
      // What others have written tells us nothing; what is written behind it does.
      if (!this.#run) this.#target.write(NOTHING, this.#onWritten);
    });
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const resolve of waiting ?? []) resolve();
  }
}
