/**
 * Expressions of routing rules, evaluated beside the event loop.
 *
 * Tenants write expressions, so an expression must not slow other tenants. One expression of a tenant runs at a time,
 * tenants take turns, and each tenant has a share of running time. Waiting does not count as running. An expression
 * that loops, exhausts memory or backtracks for ever ends its process.
 *
 * There are three lanes. The first is for expressions that were quick before, the second for all others. In both an
 * expression has a short time slice, so that a hanging expression delays others by one slice. An expression that takes
 * longer runs again in the last lane, up to the full limit. Expressions of tenants who overran lately run only there.
 */
import jsonata from 'jsonata';
import { type Expressions, OverrunError } from '../domain/routing.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Outcome } from './evaluator.ts';
import { type ExpressionTimes, Scheduler } from './scheduler.ts';

export interface ClosableExpressions extends Expressions {
  close(): Promise<void>;
}

const USUAL: ExpressionTimes = { limitMs: TIMES.expressionMs, sliceMs: TIMES.expressionSliceMs };

/** The part of a tenant's time that dry runs leave to its rules. */
const KEPT_FOR_RULES_MS = LIMITS.expressionBurstMs / 2;

function faultOf(source: string): string | null {
  try {
    jsonata(source);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function resultOf(outcome: Outcome): unknown {
  if (outcome.outcome === 'VALUE') return outcome.value;
  throw outcome.outcome === 'OVERRUN' ? new OverrunError(outcome.reason) : new Error(outcome.reason);
}

export function createExpressions(times: ExpressionTimes = USUAL): ClosableExpressions {
  const scheduler = new Scheduler(times);
  return {
    fault: faultOf,

    async evaluate(request) {
      const waitMs = request.isDryRun ? scheduler.waitMs(request.tenant, KEPT_FOR_RULES_MS) : 0;
      if (waitMs > 0) {
        const details = { retryAfterMs: Math.ceil(waitMs) };
        throw new ServiceError('RATE_LIMITED', 'The tenant has used up its time for evaluating expressions.', details);
      }
      return resultOf(await scheduler.enqueue(request));
    },

    close: () => scheduler.close(),
  };
}
