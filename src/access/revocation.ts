/** Tokens that were revoked before their end. */
import { TIMES } from '../limits.ts';
import type { Viewer } from '../model.ts';

const SECOND_MS = 1_000;

const secondOf = (instant: number): number => Math.floor(instant / SECOND_MS);

/**
 * Whether a token was issued before the instant up to which its user's tokens are revoked. `iat` has whole seconds: a
 * token of the same second is refused, and so is a token without `iat`.
 */
export function isRefused({ issuedAt }: Viewer, refusedUpTo: number | null, now: number): boolean {
  if (refusedUpTo === null) return false;
  if (issuedAt === null) return true;
  // An `iat` in the future comes from a fast clock, so the token may be older by the allowed clock skew.
  const ahead = issuedAt > now ? TIMES.clockToleranceMs : 0;
  return secondOf(issuedAt - ahead) <= secondOf(refusedUpTo);
}
