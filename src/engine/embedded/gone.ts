/** Deleted conversations. Only their ids are kept for a while, so that no new conversation takes them. */
import { TIMES } from '../../limits.ts';
import type { TenantId } from '../../model.ts';
import type { Database } from './database.ts';

/** The parts of a transaction that deletes or creates a conversation. */
export interface GoneConversations {
  /** Drops everything stored of a conversation except its members. */
  add(tenant: TenantId, row: { readonly key: number; readonly id: string }, now: number): void;
  has(tenant: TenantId, id: string, now: number): boolean;
}

/** Tables whose rows name a conversation by its key. */
const PARTS = ['messages', 'log', 'writings', 'written_parts', 'stops'];

export function createGone(database: Database): GoneConversations {
  const drops = PARTS.map((table) => database.prepare(`DELETE FROM ${table} WHERE conversation = ?`));
  const dropKeys = database.prepare('DELETE FROM sent_keys WHERE tenant = ? AND conversation_id = ?');
  const drop = database.prepare('DELETE FROM conversations WHERE key = ?');
  const forget = database.prepare('DELETE FROM gone_conversations WHERE until <= ?');
  const note = database.prepare('INSERT OR REPLACE INTO gone_conversations VALUES (?, ?, ?)');
  const find = database.prepare('SELECT 1 FROM gone_conversations WHERE tenant = ? AND id = ? AND until > ?');
  return {
    add(tenant, { key, id }, now) {
      for (const each of drops) each.run(key);
      dropKeys.run(tenant, id);
      drop.run(key);
      forget.run(now);
      note.run(tenant, id, now + TIMES.idempotencyMs);
    },
    has: (tenant, id, now) => find.get(tenant, id, now) !== undefined,
  };
}
