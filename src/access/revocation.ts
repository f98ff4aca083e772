/** Tokens that were taken back before their end. */
import type { Viewer } from '../model.ts';

const SECOND_MS = 1_000;

/**
 * Whether a token is among those of its user that were refused up to an instant.
 * A token says when it was issued to the second: one of the same second is refused,
 * and so is one that does not say.
 */
export function isRefused({ issuedAt }: Viewer, refusedUpTo: number | null): boolean {
  if (refusedUpTo === null) return false;
  return issuedAt === null || Math.floor(issuedAt / SECOND_MS) <= Math.floor(refusedUpTo / SECOND_MS);
}
