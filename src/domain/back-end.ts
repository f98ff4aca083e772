/** The check of operations for back ends and admins of a tenant. */
import { isAdmin, isService } from '../access/rights.ts';
import { ServiceError } from '../errors.ts';
import type { Viewer } from '../model.ts';

export function requireBackEnd(viewer: Viewer): void {
  if (!isService(viewer) && !isAdmin(viewer)) {
    throw new ServiceError('FORBIDDEN', 'Only services and tenant admins may do this.');
  }
}
