/** The presence of a user, as blocked users see it. */
import type { PresenceRecord, UserId } from '../model.ts';

/** The presence of a user who was never seen. */
export const neverSeen = (userId: UserId): PresenceRecord => ({
  userId,
  status: 'OFFLINE',
  statusText: null,
  lastSeenAt: null,
  devices: [],
  present: [],
  connectedBy: [],
  hides: false,
  blocked: [],
  version: 0,
});

/** Whether a presence is hidden from this user. */
export function isHiddenFrom(userId: UserId, { blocked }: PresenceRecord): boolean {
  return blocked.length > 0 && blocked.includes(userId);
}
