/** The checks of operations for back ends and admins of a tenant. */
import { isAdmin } from '../access/rights.ts';
import type { DeadLetter } from '../engine/shared/consumer.ts';
import { ServiceError } from '../errors.ts';
import { type ConsumerRecord, isService, type Viewer } from '../model.ts';
import { maySubscribeToAll } from './topic-policy.ts';

export function requireBackEnd(viewer: Viewer): void {
  if (!isService(viewer) && !isAdmin(viewer)) {
    throw new ServiceError('FORBIDDEN', 'Only back ends (scope realtime:service) and tenant admins may do this.');
  }
}

/** A consumer receives no more than a subscription: only publications that the token of its caller may subscribe to. */
export function requireEventRight(viewer: Viewer, consumer: ConsumerRecord | undefined): void {
  if (!consumer?.events.includes('PUBLISHED') || maySubscribeToAll(viewer, consumer.topics)) return;
  throw new ServiceError('FORBIDDEN', 'topics: the caller has no right to subscribe to all topics of this consumer.');
}

/** The same check for one event. An event of an unknown type may belong to any topic. */
export function mayReceive(viewer: Viewer, { type, subject }: DeadLetter): boolean {
  if (type === null) return maySubscribeToAll(viewer, null);
  return type !== 'PUBLISHED' || maySubscribeToAll(viewer, [subject]);
}
