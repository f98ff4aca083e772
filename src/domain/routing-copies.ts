/**
 * Spreads the deliveries that routing rules make over turns of the event loop.
 *
 * Tenants take turns. The embedded engine answers within the call, so otherwise all copies of a message would be one
 * turn, and all other work would wait.
 */
import { OncePerTurn } from '../clock.ts';
import { ServiceError } from '../errors.ts';
import { FairQueue } from '../fair-queue.ts';
import { LIMITS } from '../limits.ts';
import type { TenantId, Viewer } from '../model.ts';
import type { Copies } from './routing.ts';

interface Job {
  readonly tenant: TenantId;
  begin(): void;
  refuse(error: ServiceError): void;
}

const crowded = (): ServiceError =>
  new ServiceError('SERVICE_UNAVAILABLE', 'Too many deliveries of routing rules are waiting.', {
    retryAfterMs: 1_000,
  });

/** `charge` counts deliveries against the sender of the original message. */
export function createCopies(charge: (viewer: Viewer, count: number) => void): Copies {
  const queue = new FairQueue<Job>(LIMITS.queuedCopiesPerTenant, LIMITS.queuedCopies);
  const turn = new OncePerTurn(() => {
    for (let begun = 0; begun < LIMITS.copiesPerTurn; begun += 1) {
      const job = queue.take(() => true);
      if (!job) return;
      job.begin();
    }
    turn.plan();
  });

  return {
    charge,
    turn: (tenant) =>
      new Promise((resolve, reject) => {
        queue.add({ tenant, begin: resolve, refuse: reject })?.refuse(crowded());
        turn.plan();
      }),
  };
}
