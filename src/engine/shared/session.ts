/** What is announced of a session: nothing by which it could be used. */
import type { SessionRecord } from '../../model.ts';
import type { Announcement } from '../port.ts';

export function announceSession({ id, revokedAt }: SessionRecord): Announcement {
  return { type: 'session', id, isRevoked: revokedAt !== null };
}
