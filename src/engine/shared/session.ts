/** The announcement of a session: nothing with which it could be used. */
import type { SessionRecord } from '../../model.ts';
import type { Announcement } from '../port.ts';

/** Of one that begins or ends also what consumers are told. */
export function announceSession(record: SessionRecord): Announcement {
  const { id, userId, deviceId, deviceName, userAgent, createdAt, expiresAt, revokedAt, version } = record;
  const isRevoked = revokedAt !== null;
  if (version > 1 && !isRevoked) return { type: 'session', id, isRevoked };
  const session = { id, userId, deviceId, deviceName, userAgent, createdAt, expiresAt, revokedAt };
  return { type: 'session', id, isRevoked, session };
}
