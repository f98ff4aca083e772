/** The result of an operation that exceeded its budget. */
import type { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Budget, responseTooLarge } from '../rates/budget.ts';

/**
 * The reason why a result is not sent; null when it is sent. A result is sent as a whole or not at all, since fields
 * beyond the budget would look absent.
 */
export function refusalOf(result: object, budget: Budget): ServiceError | null {
  if (budget.refusal) return budget.refusal;
  if (budget.mostBytes <= LIMITS.responseBytes) return null;
  if (Buffer.byteLength(JSON.stringify(result)) <= LIMITS.responseBytes) return null;
  return budget.refuse(responseTooLarge());
}
