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
import { Gate, type Room, resumeNow } from '../../delivery/room.ts';
import type { Envelope } from './envelope.ts';
import type { Lifetime } from './lifetime.ts';
import type { Account } from './unsent.ts';

export interface OutboxOptions {
  readonly maxQueuedBytes: number;
  /** Of the peer: once it ends, nothing is written and nobody waits. */
  readonly lifetime: Lifetime;
  /** Where it counts what its peer has not read. */
  readonly account: Account;
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

export class Outbox implements Room {
  readonly #target: Writable;
  readonly #options: OutboxOptions;
  readonly #gate = new Gate();
  #run: Run | null = null;
  #accepted = 0;
  #written = 0;
  /** Called when a write has left this process: `drain` comes only to those over the stream's own mark. */
  readonly #onWritten = (): void => {
    this.count();
    if (this.#gate.isWaitedFor && !this.isCongested()) this.#gate.open();
  };

  constructor(target: Writable, options: OutboxOptions) {
    this.#target = target;
    this.#options = options;
    options.lifetime.onEnd(() => {
      this.#run = null;
      this.#gate.open();
    });
    options.lifetime.onClose(() => options.account.update(0));
  }

  /** The number that `write` answered for the last payload written to the socket. What it dropped has a higher one. */
  get written(): number {
    return this.#written;
  }

  get queuedBytes(): number {
    return this.#target.writableLength + (this.#run?.bytes ?? 0);
  }

  isCongested(): boolean {
    return this.#options.lifetime.isOpen && this.queuedBytes > this.#options.maxQueuedBytes / 2;
  }

  /** Writes `payload` in its envelope, at the end of this turn; drops it when the peer is at its end. Numbers them. */
  write(envelope: Envelope, payload: Buffer): number {
    this.#accepted += 1;
    if (!this.#options.lifetime.isOpen) return this.#accepted;
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
    this.#written = this.#accepted;
    this.#target.write(run.join(), this.#onWritten);
    if (this.count() > this.#options.maxQueuedBytes) this.#options.onOverflow();
  }

  /** Counts, and answers, what waits to be sent, whoever wrote it. */
  count(): number {
    // Writes that never will be are called back as well, and late.
    const writableLength = this.#options.lifetime.isClosed ? 0 : this.#target.writableLength;
    this.#options.account.update(writableLength);
    return writableLength;
  }

  onRoom(resume: () => void): () => void {
    if (!this.isCongested()) return resumeNow(resume);
    // What others have written tells us nothing; what is written behind it does.
    if (!this.#gate.isWaitedFor && !this.#run) this.#target.write(NOTHING, this.#onWritten);
    return this.#gate.add(resume);
  }
}
