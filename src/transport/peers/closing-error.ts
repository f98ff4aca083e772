/** Close codes as errors, for clients that get an error in the operation instead. */
import { CLOSE_CODES, ServiceError, slowReader, TOO_SLOW, unauthenticated, unavailable } from '../../errors.ts';
import { TIMES } from '../../limits.ts';

/** The error that ends an operation whose connection is closed with this code. */
export function closingError(code: number, reason: string): ServiceError {
  if (code === CLOSE_CODES.TOKEN_EXPIRED) return unauthenticated('EXPIRED');
  // Only an operation with a valid token can be closed, so the token was revoked.
  if (code === CLOSE_CODES.UNAUTHORIZED) return unauthenticated('REVOKED');
  if (code === CLOSE_CODES.TOO_MANY)
    return new ServiceError('RATE_LIMITED', 'Rate limit exceeded; retry after retryAfterMs.', {
      retryAfterMs: TIMES.refusedRetryMs,
    });
  return reason === TOO_SLOW ? slowReader() : unavailable();
}
