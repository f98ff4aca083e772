/** The results of a batch in the form of the schema. */
import type { BatchError, BatchOutcome } from '../__generated__/resolvers.ts';
import type { ServiceError } from '../errors.ts';

/** Null: the item did not fail. */
export function batchError(error: ServiceError | null): BatchError | null {
  if (!error) return null;
  const { code, message, reason = null, retryAfterMs = null } = error;
  return { code, message, reason, retryAfterMs };
}

export function batchOutcome(
  outcome: 'STORED' | 'DUPLICATE' | 'ROUTED' | undefined,
  error: ServiceError | null,
): BatchOutcome {
  return outcome ?? (error?.reason === 'DROPPED' ? 'DROPPED' : 'FAILED');
}
