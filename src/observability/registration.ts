/**
 * Registers this subgraph with a gateway that composes at run time, and reports the outcome.
 *
 * The registration is repeated, also after it was accepted: a gateway that lost its state gets the subgraph again, and
 * a gateway that refused the subgraph may accept it when another subgraph is fixed. A repeated registration is cheap, so
 * no other request is needed.
 */
import { type Clock, deadline } from '../clock.ts';
import type { Log } from '../log.ts';

/** The registration that is sent to a gateway. */
export interface Subgraph {
  readonly name: string;
  readonly url: string;
  readonly subscriptionUrl: string;
  readonly sdl: string;
  readonly version: string;
}

export interface RegistrationHealth {
  /** `off`: no gateway is configured. `waiting`: the gateway has not answered yet. */
  readonly status: 'off' | 'waiting' | 'accepted' | 'refused' | 'unreachable';
  /** The latency of the last answered registration. */
  readonly latencyMs: number | null;
  readonly reason: string | null;
}

export interface Registration {
  readonly health: RegistrationHealth;
  start(subgraph: Subgraph): void;
  /** Stops registering and aborts the current request. */
  close(): void;
}

export interface RegistrationOptions {
  /** Null: no gateway is configured. */
  readonly url: string | null;
  readonly token: string | null;
  readonly clock: Clock;
  readonly log: Log;
}

const AGAIN_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const PATIENCE_MS = 5_000;
const REASON_CHARACTERS = 2_000;

/** Temporary statuses, which are no verdict on the subgraph. */
const isPassing = (status: number): boolean => status >= 500 || status === 408 || status === 429;

export function createRegistration({ url, token, clock, log }: RegistrationOptions): Registration {
  const closing = new AbortController();
  let health: RegistrationHealth = { status: url ? 'waiting' : 'off', latencyMs: null, reason: null };
  let failures = 0;
  let cancel = (): void => undefined;

  async function post(to: string, subgraph: Subgraph): Promise<RegistrationHealth> {
    const start = performance.now();
    const tooLate = new AbortController();
    const cancelDeadline = deadline(PATIENCE_MS, () => tooLate.abort(new Error('No answer in time.')));
    try {
      const response = await fetch(to, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify(subgraph),
        // The token is for this address only.
        redirect: 'error',
        signal: AbortSignal.any([closing.signal, tooLate.signal]),
      });
      const text = await response.text();
      const latencyMs = Math.round(performance.now() - start);
      if (response.ok) return { status: 'accepted', latencyMs, reason: null };
      const reason = `${response.status} ${text}`.slice(0, REASON_CHARACTERS).trim();
      return { status: isPassing(response.status) ? 'unreachable' : 'refused', latencyMs, reason };
    } catch (error) {
      // An error of `fetch` has its reason in `cause`.
      const { message, cause } = error as { message: string; cause?: { message?: string } };
      return { status: 'unreachable', latencyMs: null, reason: cause?.message || message };
    } finally {
      cancelDeadline();
    }
  }

  function note(next: RegistrationHealth): void {
    const isNews = next.status !== health.status || next.reason !== health.reason;
    health = next;
    failures = next.status === 'unreachable' ? failures + 1 : 0;
    if (!isNews) return;
    if (next.status === 'accepted') log.info('the gateway has accepted this subgraph');
    else log.warn({ status: next.status, reason: next.reason }, 'the gateway has not accepted this subgraph');
  }

  /** Doubled at each failure, and random between half of the delay and the whole, so that nodes do not retry at once. */
  function delay(): number {
    if (failures === 0) return AGAIN_MS;
    return Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), AGAIN_MS) * (0.5 + Math.random() / 2);
  }

  async function announce(to: string, subgraph: Subgraph): Promise<void> {
    const answer = await post(to, subgraph);
    if (closing.signal.aborted) return;
    note(answer);
    cancel = clock.after(delay(), () => void announce(to, subgraph));
  }

  return {
    get health() {
      return health;
    },
    start(subgraph) {
      if (url && !closing.signal.aborted) void announce(url, subgraph);
    },
    close() {
      closing.abort();
      cancel();
    },
  };
}
