/** Idempotency keys of sent messages with their outcomes, for a day. */
import { TIMES } from '../../limits.ts';
import type { MessageId, TenantId } from '../../model.ts';
import type { Diversion, SentKey } from '../port.ts';
import { READ } from '../shared/closed.ts';
import type { Database } from './database.ts';

/** The message is in its conversation, or was diverted. */
type Kept = { readonly sequence: number } | Diversion;

interface KeyRow {
  readonly digest: string;
  readonly sequence: number | null;
  readonly fate: string | null;
  readonly message_id: string | null;
}

export interface SentKeys {
  /** `conflict`: another message has this key. */
  find(tenant: TenantId, sent: SentKey, now: number): Kept | 'conflict' | null;
  keep(tenant: TenantId, sent: SentKey, kept: Kept, now: number): void;
}

export function createSentKeys(database: Database): SentKeys {
  const select = database.prepare(
    `SELECT digest, sequence, fate, message_id FROM sent_keys
     WHERE tenant = ? AND conversation_id = ? AND sender_id = ? AND key = ? AND expires_at > ?`,
  );
  const insert = database.prepare('INSERT OR REPLACE INTO sent_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const dropExpired = database.prepare('DELETE FROM sent_keys WHERE expires_at <= ?');

  return {
    find(tenant, { conversationId, senderId, key }, now) {
      const row = select.get(tenant, conversationId, senderId, key.id, now) as unknown as KeyRow | undefined;
      if (!row) return null;
      // Older versions stored no digest.
      if (row.digest !== '' && row.digest !== key.digest) return 'conflict';
      if (row.fate !== null) return { fate: READ.fate(row.fate), messageId: row.message_id as MessageId | null };
      return { sequence: row.sequence ?? 0 };
    },

    keep(tenant, { conversationId, senderId, key }, kept, now) {
      const { sequence, fate, messageId } = { sequence: null, fate: null, messageId: null, ...kept };
      dropExpired.run(now);
      const expiresAt = now + TIMES.idempotencyMs;
      insert.run(tenant, conversationId, senderId, key.id, key.digest, sequence, fate, messageId, expiresAt);
    },
  };
}
