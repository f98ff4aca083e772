/**
 * What rules make of messages, in turns: tenants one after the other, and between
 * them the event loop goes on.
 *
 * An engine in this process answers at once: without turns, all copies of a
 * message would be one, and those of one tenant all that others wait for.
 */
import type { Copies } from '../domain/routing.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { TenantId, Viewer } from '../model.ts';
import { FairQueue } from './fair-queue.ts';

interface Job {
  readonly tenant: TenantId;
  begin(): void;
  refuse(error: ServiceError): void;
}

const crowded = (): ServiceError =>
  new ServiceError('SERVICE_UNAVAILABLE', 'Too much that rules make of messages waits.', { retryAfterMs: 1_000 });

/** `charge`: counts so many against whoever sent what they are made of. */
export function createCopies(charge: (viewer: Viewer, count: number) => void): Copies {
  const queue = new FairQueue<Job>(LIMITS.queuedCopiesPerTenant, LIMITS.queuedCopies);
  let isDue = false;

  function plan(): void {
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      for (let begun = 0; begun < LIMITS.copiesPerTurn; begun += 1) {
        const job = queue.take(() => true);
        if (!job) return;
        job.begin();
      }
      plan();
    });
  }

  return {
    charge,
    turn: (tenant) =>
      new Promise((resolve, reject) => {
        queue.add({ tenant, begin: resolve, refuse: reject })?.refuse(crowded());
        plan();
      }),
  };
}
