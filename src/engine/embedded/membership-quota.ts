/** The quota of a user in SQLite: the conversations that they began or joined, which are capped. */
import { LIMITS } from '../../limits.ts';
import type { TenantId, UserId } from '../../model.ts';
import type { Database } from './database.ts';

/** Called inside the transaction that changes the members. */
export interface MembershipQuota {
  hasRoom(tenant: TenantId, userId: UserId): boolean;
  take(tenant: TenantId, userId: UserId, conversation: number): void;
  giveBack(tenant: TenantId, userId: UserId, conversation: number): void;
}

export function createMembershipQuota(database: Database, most: number = LIMITS.conversationsPerUser): MembershipQuota {
  const insert = database.prepare('INSERT OR IGNORE INTO places VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM places WHERE conversation = ? AND user_id = ?');
  const select = database.prepare('SELECT count FROM place_counts WHERE tenant = ? AND user_id = ?');
  const forget = database.prepare('DELETE FROM place_counts WHERE tenant = ? AND user_id = ? AND count <= 0');
  const add = database.prepare(
    `INSERT INTO place_counts VALUES (?, ?, ?)
     ON CONFLICT (tenant, user_id) DO UPDATE SET count = count + excluded.count`,
  );

  return {
    hasRoom(tenant, userId) {
      const row = select.get(tenant, userId) as { count: number } | undefined;
      return (row?.count ?? 0) < most;
    },
    take(tenant, userId, conversation) {
      if (insert.run(conversation, userId).changes > 0) add.run(tenant, userId, 1);
    },
    giveBack(tenant, userId, conversation) {
      if (remove.run(conversation, userId).changes === 0) return;
      add.run(tenant, userId, -1);
      forget.run(tenant, userId);
    },
  };
}
