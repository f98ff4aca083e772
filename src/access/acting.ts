/**
 * Back ends that act for users. Only this file creates a viewer for another user.
 *
 * The act has the user's rights and counts against the back end's rates.
 */
import { ServiceError } from '../errors.ts';
import { isService, type MessageRecord, type UserId, type Viewer } from '../model.ts';

/**
 * The viewer for this user, without the back end's own rights. @throws {ServiceError} FORBIDDEN for a viewer that is not
 * a back end.
 */
export function actFor(viewer: Viewer, userId: UserId): Viewer {
  if (!isService(viewer))
    throw new ServiceError('FORBIDDEN', 'onBehalfOf: only back ends (scope realtime:service) may act for users.');
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

/** The caller who acts: the viewer, or the back end that acts for the viewer. */
export const actorOf = (viewer: Viewer): Viewer => viewer.actor ?? viewer;

/** The back end to record as acting for the viewer; undefined when the viewer acts directly. */
export const viaOf = ({ actor }: Viewer): UserId | undefined => actor?.userId;

/** Whether the viewer gets requests to stop a message: its sender and the back end that writes it do. */
export function isWriterOf(viewer: Viewer, { senderId, via }: MessageRecord): boolean {
  return senderId === viewer.userId || (via === viewer.userId && isService(viewer));
}
