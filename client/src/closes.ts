/** Why a connection ended, and what to do next. */
import { RequestError } from './errors.ts';

export interface End {
  /** The close code of the socket, or the equivalent one. */
  readonly code: number;
  readonly retryAfterMs?: number | null;
}

/**
 * `again`: reconnect after a back-off. `expired`: at once, with a fresh token. `refused`: with another token, or the
 * user is signed out. `slowly`: the client sent too much; reconnect after a long back-off.
 */
export type Next = 'again' | 'expired' | 'refused' | 'slowly';

/** Ends without a close code of the service. */
export const END = { lost: 1006, stopped: 1000, terminated: 4499 } as const;

const NEXT: Readonly<Record<number, Next>> = {
  1008: 'slowly',
  1009: 'slowly',
  4400: 'slowly',
  4401: 'refused',
  4403: 'expired',
  4406: 'slowly',
  4409: 'slowly',
  4429: 'slowly',
};

export const afterEnd = ({ code }: End): Next => NEXT[code] ?? 'again';

/** The end that an operation's error means, since gateways hide close codes. */
export function endOf(error: unknown): End {
  if (!(error instanceof RequestError)) return { code: END.lost };
  if (error.code !== 'UNAUTHENTICATED') return { code: END.lost, retryAfterMs: error.retryAfterMs };
  return { code: error.reason === 'EXPIRED' ? 4403 : 4401 };
}
