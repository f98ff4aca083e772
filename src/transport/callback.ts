/** One subscription carried by requests to its router: Apollo's HTTP callback protocol 1.0. */

import type { GraphQLFormattedError } from 'graphql';
import * as z from 'zod';
import type { Clock } from '../clock.ts';
import type { Outlet, Payload } from '../delivery/rendered-stream.ts';
import { type ServiceError, slowReader } from '../errors.ts';
import type { FormatError } from '../graphql/errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Viewer } from '../model.ts';
import { closingError } from './http-stream.ts';
import type { Peer } from './supervisor.ts';

/** `extensions.subscription` of the request. */
export const CallbackTarget = z.object({
  callbackUrl: z.url().max(2_048),
  subscriptionId: z.string().min(1).max(256),
  verifier: z.string().min(1).max(1_024),
  /** 0: the router wants no heartbeats. */
  heartbeatIntervalMs: z.int().min(0).max(3_600_000).default(5_000),
});
export type CallbackTarget = z.infer<typeof CallbackTarget>;

export interface CallbackStreamOptions {
  readonly viewer: Viewer;
  readonly formatError: FormatError;
  readonly clock: Clock;
  readonly maxQueuedBytes: number;
  readonly delivered: (event: object) => void;
}

/** What the router made of a message. `gone`: it does not know the subscription, or refuses it for good. */
type Answer = 'taken' | 'gone' | 'failed';

const HEADERS = { 'content-type': 'application/json', 'subscription-protocol': 'callback/1.0' };
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2_000;
/** Heartbeats that fail one after the other before the router is given up. */
const HEARTBEAT_FAILURES = 5;
const LEAST_HEARTBEAT_MS = 100;

export class CallbackStream implements Outlet, Peer {
  readonly viewer: Viewer;
  readonly #target: CallbackTarget;
  readonly #options: CallbackStreamOptions;
  #queue: Payload[] = [];
  #queuedBytes = 0;
  #isSending = false;
  /** Set when nothing follows but `complete`, with these errors. */
  #last: { readonly errors: readonly GraphQLFormattedError[] | null } | null = null;
  #isOpen = true;
  /** When this side ends it, it does not wait long for a router that is away. */
  #giveUpAt = Number.POSITIVE_INFINITY;
  #failures = 0;
  #isBeating = false;
  readonly #stopHeartbeat: () => void;
  #waiting: (() => void)[] = [];
  #closed: (() => void)[] = [];

  constructor(target: CallbackTarget, options: CallbackStreamOptions) {
    this.viewer = options.viewer;
    this.#target = target;
    this.#options = options;
    const { heartbeatIntervalMs: interval } = target;
    // At twice the rate asked for: Hive Router allows one second over it and no more.
    const period = Math.max(interval / 2, LEAST_HEARTBEAT_MS);
    this.#stopHeartbeat = interval === 0 ? () => undefined : options.clock.every(period, () => void this.#beat());
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Asks the router whether the subscription is its own. */
  async check(): Promise<boolean> {
    return (await this.#post('"action":"check"')) === 'taken';
  }

  /** Heartbeats have a rate of their own, which the router has set. */
  tick(): void {}

  deliver(payload: Payload, event: object): void {
    if (!this.#isOpen || this.#last) return;
    this.#queue.push(payload);
    this.#queuedBytes += payload.length;
    this.#options.delivered(event);
    if (this.#queuedBytes > this.#options.maxQueuedBytes || this.#queue.length > LIMITS.queuedEvents) {
      this.#forget();
      return this.end(slowReader());
    }
    void this.#work();
  }

  end(error: ServiceError | null): void {
    if (!this.#isOpen || this.#last) return;
    this.#last = { errors: error && [this.#options.formatError(error)] };
    void this.#work();
  }

  close(code: number, reason: string): void {
    const error = closingError(code, reason);
    if (error.code === 'UNAUTHENTICATED') this.#forget();
    this.#giveUpAt = this.#options.clock.elapsed() + TIMES.callbackMs;
    this.end(error);
  }

  retire(code: number, reason: string): void {
    this.close(code, reason);
  }

  onClose(closed: () => void): void {
    if (this.#isOpen) this.#closed.push(closed);
    else closed();
  }

  isCongested(): boolean {
    return this.#queuedBytes > this.#options.maxQueuedBytes / 2 || this.#queue.length > LIMITS.queuedEvents / 2;
  }

  drained(): Promise<void> {
    if (!this.isCongested() || !this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends what is queued, one after the other: their order is the order of the events. */
  async #work(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#isOpen) {
      const payload = this.#queue.shift();
      if (!payload) break;
      this.#queuedBytes -= payload.length;
      if (!this.isCongested()) this.#release();
      await this.#deliver('"action":"next"', `,"payload":${payload.toString()}`);
    }
    if (this.#isOpen && this.#last) {
      const { errors } = this.#last;
      await this.#deliver('"action":"complete"', errors ? `,"errors":${JSON.stringify(errors)}` : '');
      this.#over();
    }
    this.#isSending = false;
  }

  /** Sends a message until the router takes it, so that a blip of its endpoint is no hole. */
  async #deliver(action: string, rest: string): Promise<void> {
    const { clock } = this.#options;
    const until = Math.min(clock.elapsed() + TIMES.callbackRetryMs, this.#giveUpAt);
    for (let wait = FIRST_RETRY_MS; this.#isOpen; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
      const answer = await this.#post(action, rest);
      if (answer === 'taken') return;
      if (answer === 'gone' || clock.elapsed() + wait > until) return this.#over();
      await new Promise<void>((resolve) => clock.after(wait, resolve));
    }
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const answer = await this.#post('"action":"check"');
    this.#isBeating = false;
    this.#failures = answer === 'failed' ? this.#failures + 1 : 0;
    if (answer === 'gone' || this.#failures >= HEARTBEAT_FAILURES) this.#over();
  }

  async #post(action: string, rest = ''): Promise<Answer> {
    const { callbackUrl, subscriptionId, verifier } = this.#target;
    const id = `"id":${JSON.stringify(subscriptionId)},"verifier":${JSON.stringify(verifier)}`;
    try {
      const response = await fetch(callbackUrl, {
        method: 'POST',
        headers: HEADERS,
        body: `{"kind":"subscription",${action},${id}${rest}}`,
        // Where it leads was not on the list.
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMES.callbackMs),
      });
      await response.body?.cancel();
      if (response.ok) return 'taken';
      return response.status >= 500 || response.status === 429 ? 'failed' : 'gone';
    } catch {
      return 'failed';
    }
  }

  #forget(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #over(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stopHeartbeat();
    this.#forget();
    this.#release();
    for (const closed of this.#closed.splice(0)) closed();
  }

  /** Ends it without a word: it was refused before it began. */
  abandon(): void {
    this.#over();
  }
}
