/**
 * Expressions of routing rules, evaluated beside the event loop.
 *
 * Tenants write them, so none may cost another tenant anything. Of each tenant one
 * runs at a time, tenants take turns, and each has a share of running time; waiting
 * does not count as running. An expression that loops, eats memory or backtracks for
 * ever ends its process. There are two lanes, so that one tenant whose expression hangs leaves the
 * other to all others; who overran lately has a third, with those who did the same.
 */
import jsonata from 'jsonata';
import { type ExpressionRequest, type Expressions, OverrunError } from '../domain/routing.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { TenantId } from '../model.ts';
import type { Outcome } from './evaluator.ts';
import { FairQueue } from './fair-queue.ts';
import { Lane } from './lane.ts';
import { Shares } from './shares.ts';

export interface ClosableExpressions extends Expressions {
  close(): Promise<void>;
}

interface Job extends ExpressionRequest {
  settle(outcome: Outcome): void;
}

/** For tests, which choose what counts as hanging. */
export interface ExpressionTimes {
  limitMs: number;
}

const CROWDED: Outcome = { outcome: 'FAULT', reason: 'Too many evaluations of the tenant wait.', ranMs: 0 };
const CLOSED: Outcome = { outcome: 'FAULT', reason: 'No expression is evaluated any more.', ranMs: 0 };

/** A dry run leaves this much of the tenant's time to its rules. */
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

export function createExpressions(times: ExpressionTimes = { limitMs: TIMES.expressionMs }): ClosableExpressions {
  const lanes = Array.from({ length: LIMITS.expressionThreads }, () => new Lane());
  const lastLane = new Lane();
  const queue = new FairQueue<Job>(LIMITS.queuedExpressionsPerTenant, LIMITS.queuedExpressions);
  const shares = new Shares();
  const running = new Set<TenantId>();
  let refill: NodeJS.Timeout | undefined;
  let isClosed = false;

  const mayRun = (tenant: TenantId): boolean => !running.has(tenant) && shares.waitMs(tenant) === 0;

  async function run(lane: Lane, job: Job): Promise<void> {
    const { tenant, source, input } = job;
    running.add(tenant);
    const outcome = await lane.run({ source, input }, () => times.limitMs);
    running.delete(tenant);
    shares.charge(tenant, outcome.ranMs);
    job.settle(outcome);
    if (outcome.outcome === 'OVERRUN') {
      shares.suspect(tenant);
      // The same would overrun once more for each that waits.
      for (const same of queue.withdraw(tenant, (other) => other.source === source)) same.settle(outcome);
    }
    fill();
  }

  /** Gives every idle lane what may run in it; a lane with a process comes first. */
  function fill(): void {
    if (isClosed) return;
    const idle = lanes.filter((lane) => !lane.isBusy).sort((a, b) => Number(b.isReady) - Number(a.isReady));
    for (const lane of idle) {
      const job = queue.take((tenant) => mayRun(tenant) && !shares.isSuspect(tenant));
      if (job) void run(lane, job);
    }
    const suspect = lastLane.isBusy ? null : queue.take((tenant) => mayRun(tenant) && shares.isSuspect(tenant));
    if (suspect) void run(lastLane, suspect);
    fillAgain();
  }

  /** Once a tenant whose time is used up has some again. */
  function fillAgain(): void {
    clearTimeout(refill);
    // Who ends in a busy lane fills it again.
    if (lanes.every((lane) => lane.isBusy) && lastLane.isBusy) return;
    const waits = [...queue.tenants].map((tenant) => shares.waitMs(tenant)).filter((waitMs) => waitMs > 0);
    if (waits.length > 0) refill = setTimeout(fill, Math.min(...waits));
  }

  function enqueue(request: ExpressionRequest): Promise<Outcome> {
    return new Promise((resolve) => {
      const job: Job = { ...request, settle: resolve };
      if (isClosed) return resolve(CLOSED);
      queue.add(job)?.settle(CROWDED);
      fill();
    });
  }

  return {
    fault: faultOf,

    async evaluate(request) {
      const waitMs = request.isDryRun ? shares.waitMs(request.tenant, KEPT_FOR_RULES_MS) : 0;
      if (waitMs > 0) {
        const details = { retryAfterMs: Math.ceil(waitMs) };
        throw new ServiceError('RATE_LIMITED', 'The tenant has used up its time for evaluations.', details);
      }
      return resultOf(await enqueue(request));
    },

    async close() {
      isClosed = true;
      clearTimeout(refill);
      for (const tenant of [...queue.tenants]) for (const job of queue.withdraw(tenant, () => true)) job.settle(CLOSED);
      await Promise.all([...lanes, lastLane].map((lane) => lane.close()));
    },
  };
}
