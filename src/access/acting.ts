/**
 * Services that act for users: the one place that makes a viewer of somebody else.
 *
 * Whatever is done so is done with what the user may do, and paid for by the service.
 */
import { ServiceError } from '../errors.ts';
import type { MessageRecord, UserId, Viewer } from '../model.ts';
import { isService } from './rights.ts';

/** The viewer as this user, with none of the service's own rights. @throws {ServiceError} FORBIDDEN for who is no service. */
export function actFor(viewer: Viewer, userId: UserId): Viewer {
  if (!isService(viewer)) throw new ServiceError('FORBIDDEN', 'onBehalfOf: only services may act for users.');
  if (userId === viewer.userId) return viewer;
  const { tenant, issuedAt, expiresAt } = viewer;
  const own = {
    scopes: new Set<string>(),
    sessionId: null,
    deviceId: null,
    topics: { publish: null, subscribe: null },
  };
  return { tenant, userId, issuedAt, expiresAt, ...own, actor: viewer };
}

/** Whoever does it: the viewer, or the service that acts as them. */
export const actorOf = (viewer: Viewer): Viewer => viewer.actor ?? viewer;

/** The service that is named as the one by which the viewer does it. */
export const viaOf = ({ actor }: Viewer): UserId | undefined => actor?.userId;

/** Whether the viewer is asked to stop a message that is being written: its sender, and the service that writes it. */
export function isWriterOf(viewer: Viewer, { senderId, via }: MessageRecord): boolean {
  return senderId === viewer.userId || (via === viewer.userId && isService(viewer));
}
