/** The announcement of a session, without its secrets. */
import type { SessionRecord } from '../../model.ts';
import type { Announcement } from '../port.ts';

/** When a session begins or ends, it also contains the data for consumers. */
export function announceSession(record: SessionRecord): Announcement {
  const { id, userId, deviceId, deviceName, userAgent, createdAt, expiresAt, revokedAt, version } = record;
  const isRevoked = revokedAt !== null;
  if (version > 1 && !isRevoked) return { type: 'session', id, isRevoked };
  const session = { id, userId, deviceId, deviceName, userAgent, createdAt, expiresAt, revokedAt };
  return { type: 'session', id, isRevoked, session };
}
