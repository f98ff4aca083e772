/** What a token's scopes open. */
import { ServiceError } from '../errors.ts';
import type { UserId, Viewer } from '../model.ts';

/** An administrator of the viewer's own tenant. */
export function isAdmin(viewer: Viewer): boolean {
  return viewer.scopes.has('realtime:admin');
}

/** A backend of the platform, which publishes to any user of its tenant. */
export function isService(viewer: Viewer): boolean {
  return viewer.scopes.has('realtime:service');
}

/** The affairs of a user are theirs and the tenant admins'. */
export function requireSelf(viewer: Viewer, userId: UserId): void {
  if (viewer.userId !== userId && !isAdmin(viewer)) {
    throw new ServiceError('FORBIDDEN', 'Only the user and tenant admins may see this.');
  }
}
