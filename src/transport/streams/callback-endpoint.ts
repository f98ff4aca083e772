/** The router's endpoint for one of its subscriptions: Apollo's HTTP callback protocol 1.0. */
import type { GraphQLFormattedError } from 'graphql';
import * as z from 'zod';
import { type Clock, deadline } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';

/** `extensions.subscription` of the request. */
export const CallbackTarget = z.object({
  callbackUrl: z.url().max(2_048),
  subscriptionId: z.string().min(1).max(256),
  verifier: z.string().min(1).max(1_024),
  /** 0: the router wants no heartbeats. */
  heartbeatIntervalMs: z.int().min(0).max(3_600_000).default(5_000),
});
export type CallbackTarget = z.infer<typeof CallbackTarget>;

/** The router's answer to a message. `gone`: it does not know the subscription, or refuses it for good. */
export type CallbackAnswer = 'taken' | 'gone' | 'failed';

export type CallbackAction = 'check' | 'next' | 'complete';

const HEADERS = { 'content-type': 'application/json', 'subscription-protocol': 'callback/1.0' };
export const FIRST_RETRY_MS = 100;

/** Sends one message. `rest` is the JSON after the common members; `signal` aborts the wait. */
export async function postCallback(
  target: CallbackTarget,
  action: CallbackAction,
  rest = '',
  signal: AbortSignal | null = null,
): Promise<CallbackAnswer> {
  const { callbackUrl, subscriptionId, verifier } = target;
  const id = `"id":${JSON.stringify(subscriptionId)},"verifier":${JSON.stringify(verifier)}`;
  const tooLate = new AbortController();
  const cancel = deadline(TIMES.callbackMs, () => tooLate.abort());
  try {
    const response = await fetch(callbackUrl, {
      method: 'POST',
      headers: HEADERS,
      body: `{"kind":"subscription","action":"${action}",${id}${rest}}`,
      // Redirects are not followed, since their target was not checked.
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, tooLate.signal]) : tooLate.signal,
    });
    await response.body?.cancel();
    if (response.ok) return 'taken';
    return response.status >= 500 || response.status === 429 ? 'failed' : 'gone';
  } catch {
    return 'failed';
  } finally {
    cancel();
  }
}

/** The JSON after the head of a `complete`. */
export const endingWith = (errors: readonly GraphQLFormattedError[] | null): string =>
  errors ? `,"errors":${JSON.stringify(errors)}` : '';

/** Notifies routers of refused subscriptions, since Hive Router treats any 200 as acceptance. */
export class CallbackRefusals {
  readonly #clock: Clock;
  readonly #most: number;
  #inFlight = 0;

  constructor(clock: Clock, most: number = LIMITS.callbackRefusals) {
    this.#clock = clock;
    this.#most = most;
  }

  /** Notifies one router. Skipped when too many notifications are running. */
  async report(target: CallbackTarget, errors: readonly GraphQLFormattedError[]): Promise<void> {
    if (this.#inFlight >= this.#most) return;
    this.#inFlight += 1;
    const until = this.#clock.elapsed() + TIMES.callbackMs;
    for (let wait = FIRST_RETRY_MS; ; wait *= 2) {
      const answer = await postCallback(target, 'complete', endingWith(errors));
      if (answer !== 'failed' || this.#clock.elapsed() + wait > until) break;
      await new Promise<void>((resolve) => void this.#clock.after(wait, resolve));
    }
    this.#inFlight -= 1;
  }
}
