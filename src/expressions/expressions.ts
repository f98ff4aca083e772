/**
 * Expressions of routing rules, evaluated beside the event loop.
 *
 * Tenants write them, so none may cost another tenant anything. One
 * expression of a tenant runs at a time, tenants take turns, and each tenant has a share
 * of running time. Waiting does not count as running. An expression that loops, eats
 * memory or backtracks for ever ends its process.
 *
 * There are three lanes. The first is for expressions that were quick before, the second
 * for all others. In both an expression has a short slice of time, so that one that hangs
 * costs others a slice, once. An expression that needs longer is run again in the last
 * lane, up to the full limit, beside those of tenants who overran lately.
 */
import jsonata from 'jsonata';
import { systemClock } from '../clock.ts';
import { type ExpressionRequest, type Expressions, OverrunError } from '../domain/routing.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { TenantId } from '../model.ts';
import type { Outcome } from './evaluator.ts';
import { FairQueue } from './fair-queue.ts';
import { Lane } from './lane.ts';
import { Paces } from './paces.ts';
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
  sliceMs: number;
}

const USUAL: ExpressionTimes = { limitMs: TIMES.expressionMs, sliceMs: TIMES.expressionSliceMs };

const CROWDED: Outcome = { outcome: 'FAULT', reason: 'Too many evaluations of this tenant are waiting.', ranMs: 0 };
const CLOSED: Outcome = {
  outcome: 'FAULT',
  reason: 'The service is stopping: expressions are no longer evaluated.',
  ranMs: 0,
};

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

export function createExpressions(times: ExpressionTimes = USUAL): ClosableExpressions {
  const [quickLane, commonLane, lastLane] = [new Lane(), new Lane(), new Lane()];
  const lanes = [quickLane, commonLane, lastLane];
  const queue = new FairQueue<Job>(LIMITS.queuedExpressionsPerTenant, LIMITS.queuedExpressions);
  const shares = new Shares();
  const paces = new Paces();
  const running = new Set<TenantId>();
  let cancelRefill = (): void => undefined;
  let isClosed = false;

  const mayRun = (tenant: TenantId): boolean => !running.has(tenant) && shares.waitMs(tenant) === 0;

  /** Whether it runs in the last lane, where the other lanes do not wait for it. */
  const isForLast = (job: Job): boolean => shares.isSuspect(job.tenant) || paces.of(job) === 'SLOW';

  async function run(lane: Lane, job: Job): Promise<void> {
    const { tenant, source, input } = job;
    running.add(tenant);
    const hasSlice = (): boolean => lane !== lastLane && times.sliceMs < times.limitMs;
    const outcome = await lane.run({ source, input }, () => (hasSlice() ? times.sliceMs : times.limitMs));
    running.delete(tenant);
    shares.charge(tenant, outcome.ranMs);
    const isSlow = outcome.ranMs >= times.sliceMs;
    paces.note(job, isSlow ? 'SLOW' : 'QUICK');
    if (outcome.outcome === 'OVERRUN' && isSlow && hasSlice() && !isClosed) {
      queue.putBack(job);
      return fill();
    }
    job.settle(outcome);
    if (outcome.outcome === 'OVERRUN') {
      shares.suspect(tenant);
      // The same expression would overrun again for each message that waits.
      for (const same of queue.withdraw(tenant, (other) => other.source === source)) same.settle(outcome);
    }
    fill();
  }

  function fillLane(lane: Lane, isSuch: (job: Job) => boolean): void {
    const job = lane.isBusy ? null : queue.take((next) => mayRun(next.tenant) && isSuch(next));
    if (job) void run(lane, job);
  }

  /** Gives every idle lane what may run in it. */
  function fill(): void {
    if (isClosed) return;
    fillLane(lastLane, isForLast);
    fillLane(quickLane, (job) => !isForLast(job) && paces.of(job) === 'QUICK');
    fillLane(commonLane, (job) => !isForLast(job));
    fillAgain();
  }

  /** Fills the lanes again once a tenant that used up its time has some. */
  function fillAgain(): void {
    cancelRefill();
    // A busy lane is filled when its expression ends.
    if (lanes.every((lane) => lane.isBusy)) return;
    const waits = [...queue.tenants].map((tenant) => shares.waitMs(tenant)).filter((waitMs) => waitMs > 0);
    if (waits.length > 0) cancelRefill = systemClock.after(Math.min(...waits), fill);
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
        throw new ServiceError('RATE_LIMITED', 'The tenant has used up its time for evaluating expressions.', details);
      }
      return resultOf(await enqueue(request));
    },

    async close() {
      isClosed = true;
      cancelRefill();
      for (const tenant of [...queue.tenants]) for (const job of queue.withdraw(tenant, () => true)) job.settle(CLOSED);
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
