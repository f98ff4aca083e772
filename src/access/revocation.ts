/** Tokens that were revoked before their end. */
import { TIMES } from '../limits.ts';
import type { Viewer } from '../model.ts';

const SECOND_MS = 1_000;

const secondOf = (instant: number): number => Math.floor(instant / SECOND_MS);

/**
 * Whether a token is among those of its user that were revoked up to an instant.
 * Tokens give the second in which they were issued. A token of the same second is
 * refused, and so is one that does not give it.
 */
export function isRefused({ issuedAt }: Viewer, refusedUpTo: number | null, now: number): boolean {
  if (refusedUpTo === null) return false;
  if (issuedAt === null) return true;
  // A token from the future comes from a fast clock: it may be older by as much as clocks may differ.
  const ahead = issuedAt > now ? TIMES.clockToleranceMs : 0;
  return secondOf(issuedAt - ahead) <= secondOf(refusedUpTo);
}
