/**
 * Payloads in their envelopes, written straight to a connection.
 *
 * The payloads of one turn of the event loop are joined and written at its end; one list has all connections to flush.
 * A burst of events costs one system call per connection. Connections that get the same payloads in the same turn share
 * the joined bytes. They are joined by copying, which for small payloads is cheaper than the stream's cork and writev.
 * A slow consumer is noticed after the write, when the kernel has taken as much as it can (G10).
 */
import type { Writable } from 'node:stream';
import { type BackPressure, Gate, resumeNow } from '../../delivery/back-pressure.ts';
import type { Envelope } from './envelope.ts';
import type { Lifetime, LifetimeListener } from './lifetime.ts';
import type { Account } from './unsent-bytes.ts';

export interface OutboxOptions {
  readonly maxQueuedBytes: number;
  /** The peer's lifetime: after its end nothing is written and nothing waits. */
  readonly lifetime: Lifetime;
  /** Counts the unread bytes of the peer. */
  readonly account: Account;
  readonly owner: OutboxOwner;
}

export interface OutboxOwner {
  /** The peer holds more than the cap unread. */
  onOverflow(): void;
}

/** A sequence of payloads. Equal sequences of one turn are the same object. */
class Run {
  readonly bytes: number;
  readonly #previous: Run | null;
  readonly #envelope: Envelope;
  readonly #payload: Buffer;
  /** The run that last continued this one, since a channel serves its listeners one after the other. */
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

/** The first run of this turn. */
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

export class Outbox implements BackPressure, LifetimeListener {
  readonly #target: Writable;
  readonly #maxQueuedBytes: number;
  readonly #lifetime: Lifetime;
  readonly #account: Account;
  readonly #owner: OutboxOwner;
  #gate: Gate | null = null;
  #run: Run | null = null;
  #accepted = 0;
  #written = 0;
  /**
   * Called when a write has left this process. `drain` alone is not enough: it only follows the stream's own high-water
   * mark.
   */
  readonly #onWritten: () => void;

  constructor(target: Writable, { maxQueuedBytes, lifetime, account, owner }: OutboxOptions) {
    this.#target = target;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.#lifetime = lifetime;
    this.#account = account;
    this.#owner = owner;
    // A bound method takes half the memory of a closure with its context.
    this.#onWritten = this.#haveWritten.bind(this);
    lifetime.listen(this);
  }

  onPeerEnd(): void {
    this.#run = null;
    this.#gate?.open();
  }

  onPeerClosed(): void {
    this.#account.update(0);
  }

  #haveWritten(): void {
    this.count();
    if (this.#gate?.isWaitedFor && !this.isCongested()) this.#gate.open();
  }

  /** The number that `write` returned for the last payload written to the socket. Dropped payloads have higher numbers. */
  get written(): number {
    return this.#written;
  }

  get queuedBytes(): number {
    return this.#target.writableLength + (this.#run?.bytes ?? 0);
  }

  isCongested(): boolean {
    return this.#lifetime.isOpen && this.queuedBytes > this.#maxQueuedBytes / 2;
  }

  /** Writes `payload` in its envelope at the end of this turn; drops it once the peer is closing. Numbers the payloads. */
  write(envelope: Envelope, payload: Buffer): number {
    this.#accepted += 1;
    if (!this.#lifetime.isOpen) return this.#accepted;
    if (this.#run) this.#run = this.#run.with(envelope, payload);
    else {
      this.#run = begin(envelope, payload);
      if (dirty.push(this) === 1) setImmediate(flushAll);
    }
    return this.#accepted;
  }

  /** Writes the waiting payloads now; later writes to the target follow them. */
  flush(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = null;
    this.#written = this.#accepted;
    this.#account.wrote(run.bytes);
    this.#target.write(run.join(), this.#onWritten);
    if (this.count() > this.#maxQueuedBytes) this.#owner.onOverflow();
  }

  /** Counts and returns the bytes of any writer that wait to be sent. */
  count(): number {
    // Cancelled writes call back, too, and late.
    const writableLength = this.#lifetime.isClosed ? 0 : this.#target.writableLength;
    this.#account.update(writableLength);
    return writableLength;
  }

  onRoom(resume: () => void): () => void {
    if (!this.isCongested()) return resumeNow(resume);
    // Writes of other writers do not call back here; a later own write does.
    this.#gate ??= new Gate();
    if (!this.#gate.isWaitedFor && !this.#run) this.#target.write(NOTHING, this.#onWritten);
    return this.#gate.add(resume);
  }
}
