/** Why a connection ended, and what to do next. */
import { Disconnected, isUnauthenticated, RequestError, refusal } from './errors.ts';

export interface End {
  /** The close code of the socket, or the equivalent one. */
  readonly code: number;
  readonly retryAfterMs?: number | null;
  /** The reason, if it is known. */
  readonly error?: unknown;
}

/**
 * `again`: reconnect after a back-off. `expired`: at once, with a fresh token. `refused`: with another token, or the
 * user is signed out. `slowly`: the client sent too much; reconnect after a long back-off.
 */
export type Next = 'again' | 'expired' | 'refused' | 'slowly';

/** Ends without a close code of the service. */
export const LOST = 1006;
export const STOPPED = 1000;
/** The token is not accepted, and did not expire. */
export const REFUSED = 4401;

export const afterEnd = ({ code }: End): Next =>
  code === REFUSED
    ? 'refused'
    : code === 4403
      ? 'expired'
      : [1008, 1009, 4400, 4406, 4409, 4429].includes(code)
        ? 'slowly'
        : 'again';

/** The end that an operation's error means, since gateways hide close codes. */
export function endOf(error: unknown): End {
  if (!(error instanceof RequestError)) return { code: LOST };
  const { reason, retryAfterMs } = error;
  const code = isUnauthenticated(error) ? (reason === 'EXPIRED' ? 4403 : REFUSED) : LOST;
  return { code, retryAfterMs, error };
}

/** The end that a closed socket means. */
export function endOfClose(event: unknown): End {
  const { code = LOST, reason } = (event ?? {}) as { readonly code?: number; readonly reason?: string };
  const isRefused = code === REFUSED;
  return { code, error: isRefused ? refusal('UNAUTHENTICATED', reason ?? '') : reason && new Disconnected(reason) };
}
