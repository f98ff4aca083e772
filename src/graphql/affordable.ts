/** The result of an operation that exceeded its budget. */
import type { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Budget, responseTooLarge } from '../rates/budget.ts';

/**
 * Why a result is not sent; null when it is. It is sent whole or not at all: what
 * the operation had no budget for would look like something that is not there.
 */
export function refusalOf(result: object, budget: Budget): ServiceError | null {
  if (budget.refusal) return budget.refusal;
  if (budget.mostBytes <= LIMITS.responseBytes) return null;
  if (Buffer.byteLength(JSON.stringify(result)) <= LIMITS.responseBytes) return null;
  return budget.refuse(responseTooLarge());
}
