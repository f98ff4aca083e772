/** One subscription carried by requests to its router: Apollo's HTTP callback protocol 1.0. */

import type { GraphQLFormattedError } from 'graphql';
import type { Clock } from '../../clock.ts';
import { Gate, resumeNow } from '../../delivery/back-pressure.ts';
import type { Outlet, Payload } from '../../delivery/rendered-stream.ts';
import { type ServiceError, slowReader } from '../../errors.ts';
import type { FormatError } from '../../graphql/errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Viewer } from '../../model.ts';
import { closingError } from '../peers/closing-error.ts';
import { Lifetime } from '../peers/lifetime.ts';
import type { Peer } from '../peers/supervisor.ts';
import type { Account, AccountOwner, UnsentBytes } from '../peers/unsent-bytes.ts';
import {
  type CallbackAction,
  type CallbackAnswer,
  type CallbackTarget,
  endingWith,
  FIRST_RETRY_MS,
  postCallback,
} from './callback-endpoint.ts';

export interface CallbackStreamOptions {
  readonly viewer: Viewer;
  readonly formatError: FormatError;
  readonly clock: Clock;
  readonly maxQueuedBytes: number;
  readonly unsent: UnsentBytes;
  readonly delivered: (event: object) => void;
}

const LAST_RETRY_MS = 2_000;
/** Periods without an accepted check after which the router counts as gone. */
const SILENT_PERIODS = 5;
const LEAST_HEARTBEAT_MS = 100;

export class CallbackStream implements Outlet, Peer, AccountOwner {
  readonly viewer: Viewer;
  readonly lifetime: Lifetime;
  readonly #target: CallbackTarget;
  readonly #options: CallbackStreamOptions;
  #queue: Payload[] = [];
  #queuedBytes = 0;
  #isSending = false;
  /** Changes when the queue is dropped, so that the message being sent is not retried. */
  #issue = 0;
  /** The errors with which the subscription ends. */
  #errors: readonly GraphQLFormattedError[] | null = null;
  #isBeating = false;
  /** A period has begun, and no check was sent since. */
  #isDue = false;
  readonly #periodMs: number;
  /** When the router last accepted a check, by the monotonic clock. */
  #takenAt: number;
  readonly #gate = new Gate();
  readonly #account: Account;

  constructor(target: CallbackTarget, options: CallbackStreamOptions) {
    this.viewer = options.viewer;
    this.#target = target;
    this.#options = options;
    this.lifetime = new Lifetime(options.clock, this);
    this.lifetime.onEnd(() => this.#gate.open());
    this.#account = options.unsent.account(this);
    const { heartbeatIntervalMs: interval } = target;
    // Twice the requested rate, since Hive Router allows only one second of delay. A router that wants no heartbeats is
    // checked too, since it may vanish.
    this.#periodMs = interval === 0 ? TIMES.callbackCheckMs : Math.max(interval / 2, LEAST_HEARTBEAT_MS);
    this.#takenAt = options.clock.elapsed();
    this.lifetime.onClose(options.clock.every(this.#periodMs, () => void this.#beat()));
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isOpen(): boolean {
    return this.lifetime.isOpen;
  }

  /** Asks the router whether it still has the subscription. */
  async check(): Promise<boolean> {
    return (await postCallback(this.#target, 'check')) === 'taken';
  }

  /** Heartbeats have a rate of their own, set by the router. */
  tick(): void {}

  deliver(payload: Payload, event: object): void {
    if (!this.isOpen) return;
    this.#queue.push(payload);
    this.#count(payload.length);
    this.#options.delivered(event);
    if (this.#queuedBytes > this.#options.maxQueuedBytes || this.#queue.length > LIMITS.queuedEvents) {
      this.#forget();
      return this.end(slowReader());
    }
    void this.#work();
  }

  /** A normal end waits until everything is sent, while the router accepts it. */
  end(error: ServiceError | null): void {
    this.#end(error, Number.POSITIVE_INFINITY);
  }

  close(code: number, reason: string): void {
    const error = closingError(code, reason);
    if (error.code === 'UNAUTHENTICATED') this.#forget();
    this.#end(error, TIMES.callbackMs);
  }

  retire(code: number, reason: string): void {
    this.close(code, reason);
  }

  onClose(closed: (peer: Peer) => void): void {
    this.lifetime.onClose(() => closed(this));
  }

  isCongested(): boolean {
    return (
      this.isOpen &&
      (this.#queuedBytes > this.#options.maxQueuedBytes / 2 || this.#queue.length > LIMITS.queuedEvents / 2)
    );
  }

  onRoom(resume: () => void): () => void {
    return this.isCongested() ? this.#gate.add(resume) : resumeNow(resume);
  }

  /** Ends the subscription silently: it was refused before it began, or its router is gone. */
  abandon(): void {
    this.#forget();
    this.lifetime.close();
  }

  cut(): void {
    this.abandon();
  }

  #end(error: ServiceError | null, withinMs: number): void {
    if (this.isOpen) this.#errors = error && [this.#options.formatError(error)];
    this.lifetime.end(withinMs);
    void this.#work();
  }

  /** Sends the queue one message after the other: their order is the order of the events. */
  async #work(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (!this.lifetime.isClosed) {
      const payload = this.#queue.shift();
      if (!payload) break;
      const issue = this.#issue;
      await this.#deliver('next', `,"payload":${payload.toString()}`, () => issue === this.#issue);
      // A message counts until it is accepted, since it is in memory until then. Dropped messages were subtracted
      // already.
      this.#count(-payload.length);
      if (!this.isCongested()) this.#gate.open();
    }
    if (!this.isOpen && !this.lifetime.isClosed) {
      await this.#deliver('complete', endingWith(this.#errors));
      this.abandon();
    }
    this.#isSending = false;
  }

  /** Retries a message until the router accepts it, so that a short fault of its endpoint causes no gap. */
  async #deliver(action: CallbackAction, rest: string, isWanted = (): boolean => true): Promise<void> {
    const { clock } = this.#options;
    const until = clock.elapsed() + TIMES.callbackRetryMs;
    for (let wait = FIRST_RETRY_MS; !this.lifetime.isClosed; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
      const answer = await postCallback(this.#target, action, rest);
      if (answer === 'taken') return;
      if (answer === 'gone' || clock.elapsed() + wait > until) return this.abandon();
      await this.#pause(wait);
      if (!isWanted()) return;
    }
  }

  /** Resolves after this time, or when the subscription is over. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, () => {
        forget();
        resolve();
      });
      const forget = this.lifetime.onClose(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Each period has its check. A check that falls due during another follows it. */
  async #beat(): Promise<void> {
    this.#isDue = true;
    if (this.#isBeating) return;
    this.#isBeating = true;
    while (this.#isDue && !this.lifetime.isClosed) await this.#check();
    this.#isBeating = false;
  }

  /**
   * Sends a check until the router accepts it. Routers drop a subscription little more than one period after a lost check,
   * so it is retried before the next period.
   */
  async #check(): Promise<void> {
    const { clock } = this.#options;
    for (let wait = FIRST_RETRY_MS; !this.lifetime.isClosed; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
      const answer = await this.#ask();
      if (answer === 'taken') {
        this.#takenAt = clock.elapsed();
        break;
      }
      const isSilent = clock.elapsed() - this.#takenAt >= SILENT_PERIODS * this.#periodMs;
      if (answer === 'gone' || isSilent) this.abandon();
      else await this.#pause(wait);
    }
  }

  /** One check, aborted after a period so that the next one can still succeed in time. */
  async #ask(): Promise<CallbackAnswer> {
    this.#isDue = false;
    const abort = new AbortController();
    const cancel = this.#options.clock.after(Math.min(this.#periodMs, TIMES.callbackMs), () => abort.abort());
    const forget = this.lifetime.onClose(() => abort.abort());
    const answer = await postCallback(this.#target, 'check', '', abort.signal);
    cancel();
    forget();
    return answer;
  }

  #forget(): void {
    this.#queue = [];
    this.#count(-this.#queuedBytes);
    this.#issue += 1;
  }

  #count(change: number): void {
    this.#queuedBytes = Math.max(this.#queuedBytes + change, 0);
    this.#account.update(this.#queuedBytes);
  }
}
