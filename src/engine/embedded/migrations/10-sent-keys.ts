/** Idempotency keys of messages that are in no conversation. `digest` is of what was sent under the key; '': an older release stored it. */
export const sentKeys = `
CREATE TABLE sent_keys (
  tenant TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  sequence INTEGER,
  fate TEXT,
  message_id TEXT,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, conversation_id, sender_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_keys_by_expiry ON sent_keys (expires_at);
INSERT INTO sent_keys
  SELECT tenant, id, sender_id, client_message_id, '', sequence, NULL, NULL, expires_at
  FROM idempotency JOIN conversations ON conversations.key = idempotency.conversation;
DROP TABLE idempotency;
`;
