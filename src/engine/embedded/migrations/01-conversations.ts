export const conversations = `
CREATE TABLE conversations (
  key INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  hash TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  last_activity_at INTEGER,
  last_sequence INTEGER NOT NULL DEFAULT 0,
  member_count INTEGER NOT NULL DEFAULT 0,
  next_ordinal INTEGER NOT NULL DEFAULT 1,
  version INTEGER NOT NULL DEFAULT 0,
  place INTEGER NOT NULL DEFAULT 0,
  floor INTEGER NOT NULL DEFAULT 0,
  epoch TEXT NOT NULL,
  fence TEXT NOT NULL,
  lineage TEXT NOT NULL,
  UNIQUE (tenant, id),
  UNIQUE (tenant, hash)
) STRICT;

CREATE TABLE members (
  conversation INTEGER NOT NULL,
  user_id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  role TEXT NOT NULL,
  joined_at INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  read_sequence INTEGER NOT NULL,
  read_at INTEGER NOT NULL,
  joined_epoch TEXT NOT NULL,
  joined_place INTEGER NOT NULL,
  PRIMARY KEY (conversation, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_ordinal ON members (conversation, ordinal);
CREATE INDEX members_by_user ON members (tenant, user_id);

CREATE TABLE messages (
  conversation INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  id TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  content TEXT NOT NULL,
  payload TEXT,
  timestamp INTEGER NOT NULL,
  client_message_id TEXT,
  reply_to_id TEXT,
  reactions TEXT NOT NULL DEFAULT '[]',
  edited_at INTEGER,
  deleted_at INTEGER,
  epoch TEXT NOT NULL,
  place INTEGER NOT NULL,
  PRIMARY KEY (conversation, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
  conversation INTEGER NOT NULL,
  place INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  change TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (conversation, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  conversation INTEGER NOT NULL,
  sender_id TEXT NOT NULL,
  client_message_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (conversation, sender_id, client_message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE presence (
  tenant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'ONLINE',
  status_text TEXT,
  last_seen_at INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;
`;
