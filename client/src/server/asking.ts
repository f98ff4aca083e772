/** Operations of a back end over HTTP, retried while the failure may be temporary. */
import { BackOff } from '../back-off.ts';
import { isPassing, RequestError } from '../errors.ts';
import { type Ask, askOver } from '../http.ts';
import type { GetToken, TokenReason } from '../sign-in.ts';

export interface ServiceOptions {
  /** The URL of the GraphQL API, of the service or of a gateway. */
  readonly url: string;
  /**
   * Returns a token with the scope `realtime:service`. `reason`: `first`, `again`, or, about the last token, `expired`
   * or `refused`.
   */
  readonly getToken: GetToken;
  /**
   * How long one call is retried before it rejects with the last error. Left out: 60,000. At most 23 hours, since
   * idempotency keys are known for a day.
   */
  readonly giveUpAfterMs?: number;
}

const GIVE_UP_AFTER_MS = 60_000;
const LONGEST_MS = 23 * 3_600_000;
/** Attempts after internal errors of the service. */
const FAULTS = 5;

/** The attempts of one call. */
export class Tries {
  readonly #endsAt: number;
  readonly #backOff = new BackOff();
  #faults = 0;

  constructor(giveUpAfterMs: number) {
    this.#endsAt = performance.now() + giveUpAfterMs;
  }

  /** Waits before the next attempt, or throws `error` when there is none. */
  async after(error: unknown): Promise<void> {
    if (error instanceof RequestError && error.code === 'INTERNAL_SERVER_ERROR') this.#faults += 1;
    if (!isPassing(error) || this.#faults >= FAULTS) throw error;
    const ms = this.#backOff.after(error);
    if (performance.now() + ms > this.#endsAt) throw error;
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

export class Asking {
  readonly #ask: Ask;
  readonly #getToken: GetToken;
  readonly #giveUpAfterMs: number;
  #reason: TokenReason = 'first';

  constructor({ url, getToken, giveUpAfterMs = GIVE_UP_AFTER_MS }: ServiceOptions) {
    this.#ask = askOver(url);
    this.#getToken = getToken;
    this.#giveUpAfterMs = Math.min(giveUpAfterMs, LONGEST_MS);
  }

  tries(): Tries {
    return new Tries(this.#giveUpAfterMs);
  }

  /** Rejects with a `RequestError`, or with the error of the connection or of `getToken`. */
  async ask<Data>(query: string, variables: object, tries: Tries = this.tries()): Promise<Data> {
    let refused: string | null = null;
    for (;;) {
      let token: string | null = null;
      try {
        token = await this.#getToken({ reason: this.#reason });
        const data = await this.#ask<Data>(query, variables, token);
        this.#reason = 'again';
        return data;
      } catch (error) {
        const isRefused = error instanceof RequestError && error.code === 'UNAUTHENTICATED';
        if (isRefused && (token === null || token === refused)) throw error;
        if (isRefused) {
          refused = token;
          this.#reason = error.reason === 'EXPIRED' ? 'expired' : 'refused';
        } else await tries.after(error);
      }
    }
  }
}
