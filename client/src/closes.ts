/** Why a connection ended, and what becomes of that. */
import { RequestError } from './errors.ts';

export interface End {
  /** The close code of the socket, or the one that says the same. */
  readonly code: number;
  readonly retryAfterMs?: number | null;
}

/**
 * `again`: after a back-off. `expired`: at once, with a fresh token. `refused`: with another token, or nobody is signed in.
 * `slowly`: the service would not take this client's frames; what helps is less of them, or time.
 */
export type Next = 'again' | 'expired' | 'refused' | 'slowly';

/** Ends that have no code of the service. */
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

/** Gateways hide close codes: the error of an operation says the same. */
export function endOf(error: unknown): End {
  if (!(error instanceof RequestError)) return { code: END.lost };
  if (error.code !== 'UNAUTHENTICATED') return { code: END.lost, retryAfterMs: error.retryAfterMs };
  return { code: error.reason === 'EXPIRED' ? 4403 : 4401 };
}
