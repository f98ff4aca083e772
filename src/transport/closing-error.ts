/** What a close code says, as an error: for those who are told in words. */
import { CLOSE_CODES, ServiceError, slowReader, TOO_SLOW, unauthenticated, unavailable } from '../errors.ts';

const RETRY_MS = 1_000;

/** The error an operation is ended with that its client did not ask to end. */
export function closingError(code: number, reason: string): ServiceError {
  if (code === CLOSE_CODES.TOKEN_EXPIRED) return unauthenticated('EXPIRED');
  // Who had no good token has nothing that could be closed.
  if (code === CLOSE_CODES.UNAUTHORIZED) return unauthenticated('REVOKED');
  if (code === CLOSE_CODES.TOO_MANY) return new ServiceError('RATE_LIMITED', 'Too often.', { retryAfterMs: RETRY_MS });
  return reason === TOO_SLOW ? slowReader() : unavailable();
}
