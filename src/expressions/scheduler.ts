/** Decides which expression runs next, and in which lane: see `expressions.ts`. */
import { systemClock } from '../clock.ts';
import type { ExpressionRequest } from '../domain/routing.ts';
import { FairQueue } from '../fair-queue.ts';
import { LIMITS } from '../limits.ts';
import type { TenantId } from '../model.ts';
import type { Outcome } from './evaluator.ts';
import { Lane } from './lane.ts';
import { Paces } from './paces.ts';
import { Shares } from './shares.ts';

interface Job extends ExpressionRequest {
  settle(outcome: Outcome): void;
}

/** The times after which an expression hangs, which tests choose. */
export interface ExpressionTimes {
  limitMs: number;
  sliceMs: number;
}

const CROWDED: Outcome = { outcome: 'FAULT', reason: 'Too many evaluations of this tenant are waiting.', ranMs: 0 };
const CLOSED: Outcome = {
  outcome: 'FAULT',
  reason: 'The service is stopping: expressions are no longer evaluated.',
  ranMs: 0,
};

export class Scheduler {
  readonly #times: ExpressionTimes;
  readonly #quickLane = new Lane();
  readonly #commonLane = new Lane();
  readonly #lastLane = new Lane();
  readonly #lanes = [this.#quickLane, this.#commonLane, this.#lastLane];
  readonly #queue = new FairQueue<Job>(LIMITS.queuedExpressionsPerTenant, LIMITS.queuedExpressions);
  readonly #shares = new Shares();
  readonly #paces = new Paces();
  readonly #running = new Set<TenantId>();
  #cancelRefill = (): void => undefined;
  #isClosed = false;

  constructor(times: ExpressionTimes) {
    this.#times = times;
  }

  /** How long until a tenant has this much of its time left. */
  waitMs(tenant: TenantId, leftMs: number): number {
    return this.#shares.waitMs(tenant, leftMs);
  }

  #mayRun(tenant: TenantId): boolean {
    return !this.#running.has(tenant) && this.#shares.waitMs(tenant) === 0;
  }

  /** Whether a job belongs in the last lane, where it does not delay the others. */
  #isForLast(job: Job): boolean {
    return this.#shares.isSuspect(job.tenant) || this.#paces.of(job) === 'SLOW';
  }

  async #run(lane: Lane, job: Job): Promise<void> {
    const { tenant, source, input } = job;
    this.#running.add(tenant);
    const hasSlice = (): boolean => lane !== this.#lastLane && this.#times.sliceMs < this.#times.limitMs;
    const outcome = await lane.run({ source, input }, () => (hasSlice() ? this.#times.sliceMs : this.#times.limitMs));
    this.#running.delete(tenant);
    this.#shares.charge(tenant, outcome.ranMs);
    const isSlow = outcome.ranMs >= this.#times.sliceMs;
    this.#paces.note(job, isSlow ? 'SLOW' : 'QUICK');
    if (outcome.outcome === 'OVERRUN' && isSlow && hasSlice() && !this.#isClosed) {
      this.#queue.putBack(job);
      return this.#fill();
    }
    job.settle(outcome);
    if (outcome.outcome === 'OVERRUN') {
      this.#shares.suspect(tenant);
      // Waiting jobs with the same expression get the same outcome, since each would overrun again.
      for (const same of this.#queue.withdraw(tenant, (other) => other.source === source)) same.settle(outcome);
    }
    this.#fill();
  }

  #fillLane(lane: Lane, isSuch: (job: Job) => boolean): void {
    const job = lane.isBusy ? null : this.#queue.take((next) => this.#mayRun(next.tenant) && isSuch(next));
    if (job) void this.#run(lane, job);
  }

  /** Gives every idle lane the next job that may run in it. */
  #fill(): void {
    if (this.#isClosed) return;
    this.#fillLane(this.#lastLane, (job) => this.#isForLast(job));
    this.#fillLane(this.#quickLane, (job) => !this.#isForLast(job) && this.#paces.of(job) === 'QUICK');
    this.#fillLane(this.#commonLane, (job) => !this.#isForLast(job));
    this.#fillAgain();
  }

  /** Fills the lanes again when a tenant that had used up its time has some left. */
  #fillAgain(): void {
    this.#cancelRefill();
    // A busy lane is filled when its expression ends.
    if (this.#lanes.every((lane) => lane.isBusy)) return;
    const waits = [...this.#queue.tenants].map((tenant) => this.#shares.waitMs(tenant)).filter((waitMs) => waitMs > 0);
    if (waits.length > 0) this.#cancelRefill = systemClock.after(Math.min(...waits), () => this.#fill());
  }

  enqueue(request: ExpressionRequest): Promise<Outcome> {
    return new Promise((resolve) => {
      const job: Job = { ...request, settle: resolve };
      if (this.#isClosed) return resolve(CLOSED);
      this.#queue.add(job)?.settle(CROWDED);
      this.#fill();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRefill();
    for (const tenant of [...this.#queue.tenants])
      for (const job of this.#queue.withdraw(tenant, () => true)) job.settle(CLOSED);
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}
