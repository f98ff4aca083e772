/** The rights that a token's scopes grant. */
import { ServiceError } from '../errors.ts';
import type { UserId, Viewer } from '../model.ts';

/** An administrator of the viewer's own tenant. */
export function isAdmin(viewer: Viewer): boolean {
  return viewer.scopes.has('realtime:admin');
}

/** A user's own data is for that user and the tenant's admins. */
export function requireSelf(viewer: Viewer, userId: UserId): void {
  if (viewer.userId !== userId && !isAdmin(viewer)) {
    throw new ServiceError('FORBIDDEN', 'Only the user and tenant admins may see this.');
  }
}
