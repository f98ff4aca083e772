/** Waiting jobs by tenant. Tenants take turns, however many jobs each has. */
import type { TenantId } from './model.ts';

export interface Waiting {
  readonly tenant: TenantId;
}

export class FairQueue<Job extends Waiting> {
  readonly #mostOfTenant: number;
  readonly #most: number;
  /** Tenants in the order of their turns. */
  readonly #turns = new Map<TenantId, Job[]>();
  #size = 0;

  constructor(mostOfTenant: number, most: number) {
    this.#mostOfTenant = mostOfTenant;
    this.#most = most;
  }

  get tenants(): Iterable<TenantId> {
    return this.#turns.keys();
  }

  /**
   * Adds a job. Returns the job that was removed for lack of room: this one, or the last job of the tenant with the most
   * jobs; null when there is room.
   */
  add(job: Job): Job | null {
    const own = this.#turns.get(job.tenant);
    if (own && own.length >= this.#mostOfTenant) return job;
    if (own) own.push(job);
    else this.#turns.set(job.tenant, [job]);
    this.#size += 1;
    return this.#size > this.#most ? this.#dropOfFullest() : null;
  }

  /** Puts a job back as the next of its tenant. */
  putBack(job: Job): void {
    this.#turns.set(job.tenant, [job, ...(this.#turns.get(job.tenant) ?? [])]);
    this.#size += 1;
  }

  /** Takes the first job of the next tenant whose first job `may` run. */
  take(may: (job: Job) => boolean): Job | null {
    for (const [tenant, jobs] of this.#turns) {
      if (!jobs[0] || !may(jobs[0])) continue;
      const job = jobs.shift() ?? null;
      this.#turns.delete(tenant);
      if (jobs.length > 0) this.#turns.set(tenant, jobs);
      this.#size -= 1;
      return job;
    }
    return null;
  }

  /** Takes all jobs of a tenant that match out of the queue. */
  withdraw(tenant: TenantId, isSuch: (job: Job) => boolean): Job[] {
    const jobs = this.#turns.get(tenant) ?? [];
    const out = jobs.filter(isSuch);
    const left = jobs.filter((job) => !isSuch(job));
    this.#size -= out.length;
    if (left.length > 0) this.#turns.set(tenant, left);
    else this.#turns.delete(tenant);
    return out;
  }

  #dropOfFullest(): Job | null {
    let fullest: Job[] = [];
    for (const jobs of this.#turns.values()) if (jobs.length > fullest.length) fullest = jobs;
    const last = fullest.pop() ?? null;
    if (last && fullest.length === 0) this.#turns.delete(last.tenant);
    this.#size -= 1;
    return last;
  }
}
