/** The users whom each user blocks, in SQLite; announced with presence. */
import { LIMITS } from '../../limits.ts';
import type { PresenceRecord, TenantId, UserId } from '../../model.ts';
import type { BlockStore } from '../port.ts';
import type { Database } from './database.ts';

export interface BlockRows extends BlockStore {
  blockedBy(tenant: TenantId, userId: UserId): UserId[];
}

/** `renew` gives a user's presence a new version and returns it. */
export function createBlocks(
  database: Database,
  renew: (tenant: TenantId, userId: UserId) => PresenceRecord,
): BlockRows {
  const select = database.prepare('SELECT blocked_id FROM blocks WHERE tenant = ? AND user_id = ? ORDER BY blocked_id');
  const isBlocking = database.prepare('SELECT 1 FROM blocks WHERE tenant = ? AND user_id = ? AND blocked_id = ?');
  const block = database.prepare('INSERT INTO blocks VALUES (?, ?, ?)');
  const unblock = database.prepare('DELETE FROM blocks WHERE tenant = ? AND user_id = ? AND blocked_id = ?');
  const blockedBy = (tenant: TenantId, userId: UserId): UserId[] =>
    select.all(tenant, userId).map((each) => each['blocked_id'] as UserId);

  return {
    blockedBy,

    async setBlocked(tenant, userId, blockedId, isBlocked) {
      return database.write((announce) => {
        if ((isBlocking.get(tenant, userId, blockedId) !== undefined) === isBlocked) return 'unchanged';
        if (!isBlocked) unblock.run(tenant, userId, blockedId);
        else if (blockedBy(tenant, userId).length >= LIMITS.blockedPerUser) return 'full';
        else block.run(tenant, userId, blockedId);
        const presence = renew(tenant, userId);
        announce({ kind: 'presence', tenant, id: userId }, { type: 'presence', presence });
        return 'changed';
      });
    },

    async findBlockers(tenant, blockedId, among) {
      return database.read(() => among.filter((userId) => isBlocking.get(tenant, userId, blockedId) !== undefined));
    },
  };
}
