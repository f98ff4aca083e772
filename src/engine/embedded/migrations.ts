/** The database's history: append only. A step that has shipped is never edited. */
export const MIGRATIONS: readonly string[] = [
  `
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
  `,
  `
  CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, user_id, id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE topics (
    key INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    topic TEXT NOT NULL,
    epoch TEXT NOT NULL,
    place INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (tenant, topic)
  ) STRICT;
  CREATE INDEX topics_by_expiry ON topics (expires_at);

  CREATE TABLE publications (
    topic INTEGER NOT NULL,
    place INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (topic, place)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE inboxes (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    positions TEXT NOT NULL,
    PRIMARY KEY (tenant, user_id, session)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE routing_rules (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
  ) STRICT, WITHOUT ROWID;
  `,
  'CREATE INDEX sessions_by_id ON sessions (tenant, id);',
  `
  CREATE TABLE places (
    conversation INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (conversation, user_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE place_counts (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE publication_keys (
    topic INTEGER NOT NULL,
    sender_id TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    place INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (topic, sender_id, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX publication_keys_by_expiry ON publication_keys (expires_at);
  `,
  `
  CREATE TABLE token_refusals (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    up_to INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id)
  ) STRICT, WITHOUT ROWID;
  `,
  // Keys of messages that are in no conversation, and what was sent under each: '' of those that older versions kept.
  `
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
  `,
  // A user who hides may never have been seen, and is shown since they ceased to.
  `
  CREATE TABLE presences (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'ONLINE',
    status_text TEXT,
    last_seen_at INTEGER,
    shown_since INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, user_id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO presences SELECT tenant, user_id, status, status_text, last_seen_at, NULL, version FROM presence;
  DROP TABLE presence;
  `,
  // Messages that are read while they are written; null: COMPLETE.
  `
  ALTER TABLE messages ADD COLUMN state TEXT;

  CREATE TABLE writings (
    conversation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    sender_id TEXT NOT NULL,
    length INTEGER NOT NULL,
    appended_at INTEGER NOT NULL,
    free_at INTEGER NOT NULL,
    is_held INTEGER NOT NULL,
    is_stopped INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (conversation, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX writings_by_append ON writings (appended_at);

  CREATE TABLE written_parts (
    conversation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    part INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (conversation, sequence, part)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE stops (
    conversation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (conversation, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX stops_by_end ON stops (until);
  `,
  // '' of those that older versions kept; a payload that rules had rewritten, or what became of one that is not in its topic.
  `
  ALTER TABLE publication_keys ADD COLUMN digest TEXT NOT NULL DEFAULT '';
  ALTER TABLE publication_keys ADD COLUMN payload TEXT;
  ALTER TABLE publication_keys ADD COLUMN diversion TEXT;
  `,
  // Each user's list of conversations. A bucket is what `engine/shared/conversation-list.ts` says; NULL: not shown.
  `
  ALTER TABLE conversations ADD COLUMN is_large INTEGER NOT NULL DEFAULT 0;
  UPDATE conversations SET is_large = 1 WHERE member_count > 200;

  CREATE TABLE listed (
    conversation INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    peer TEXT,
    activity INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    read_sequence INTEGER NOT NULL,
    is_pinned INTEGER NOT NULL DEFAULT 0,
    is_archived INTEGER NOT NULL DEFAULT 0,
    is_marked INTEGER NOT NULL DEFAULT 0,
    is_hidden INTEGER NOT NULL DEFAULT 0,
    is_large INTEGER NOT NULL DEFAULT 0,
    muted_until INTEGER,
    bucket TEXT GENERATED ALWAYS AS (CASE WHEN is_hidden = 1 THEN NULL ELSE
      substr(kind, 1, 1) || CASE is_pinned WHEN 1 THEN 'p' ELSE '-' END || CASE is_archived WHEN 1 THEN 'a' ELSE '-' END
      || CASE WHEN is_marked = 1 OR sequence > read_sequence THEN 'u' ELSE '-' END END) VIRTUAL,
    unread INTEGER GENERATED ALWAYS AS (CASE is_hidden WHEN 1 THEN 0 ELSE sequence - read_sequence END) VIRTUAL,
    PRIMARY KEY (conversation, user_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX listed_by_activity ON listed (tenant, user_id, bucket, activity DESC, id);
  CREATE INDEX listed_large ON listed (tenant, user_id) WHERE is_large = 1;

  CREATE TABLE list_totals (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    bucket TEXT NOT NULL,
    entries INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id, bucket)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER listed_insert AFTER INSERT ON listed WHEN new.bucket IS NOT NULL BEGIN
    INSERT INTO list_totals VALUES (new.tenant, new.user_id, new.bucket, 1, new.unread)
    ON CONFLICT DO UPDATE SET entries = entries + 1, unread = unread + excluded.unread;
  END;
  CREATE TRIGGER listed_delete AFTER DELETE ON listed WHEN old.bucket IS NOT NULL BEGIN
    UPDATE list_totals SET entries = entries - 1, unread = unread - old.unread
    WHERE tenant = old.tenant AND user_id = old.user_id AND bucket = old.bucket;
  END;
  CREATE TRIGGER listed_move AFTER UPDATE ON listed WHEN old.bucket IS NOT new.bucket BEGIN
    UPDATE list_totals SET entries = entries - 1, unread = unread - old.unread
    WHERE tenant = old.tenant AND user_id = old.user_id AND bucket = old.bucket;
    INSERT INTO list_totals SELECT new.tenant, new.user_id, new.bucket, 1, new.unread WHERE new.bucket IS NOT NULL
    ON CONFLICT DO UPDATE SET entries = entries + 1, unread = unread + excluded.unread;
  END;
  -- The way of every message, once for each member.
  CREATE TRIGGER listed_count AFTER UPDATE ON listed WHEN old.bucket IS new.bucket AND old.unread <> new.unread BEGIN
    UPDATE list_totals SET unread = unread + new.unread - old.unread
    WHERE tenant = new.tenant AND user_id = new.user_id AND bucket = new.bucket;
  END;

  INSERT INTO listed (conversation, user_id, tenant, id, kind, peer, activity, sequence, read_sequence, is_large)
    SELECT key, members.user_id, members.tenant, id, kind, other.user_id, coalesce(last_activity_at, created_at),
      last_sequence, min(members.read_sequence, last_sequence), is_large
    FROM members JOIN conversations ON key = members.conversation
    LEFT JOIN members AS other
      ON kind = 'DIRECT' AND other.conversation = key AND other.user_id <> members.user_id;
  `,
  // By which name a room is found; of those that are there, in lower case as far as SQLite knows it.
  `
  ALTER TABLE conversations ADD COLUMN room_name TEXT;
  UPDATE conversations SET room_name = substr(lower(coalesce(name, '')), 1, 64) WHERE kind = 'ROOM';
  CREATE INDEX rooms_by_name ON conversations (tenant, room_name, id) WHERE room_name IS NOT NULL;

  CREATE TABLE gone_conversations (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX gone_by_end ON gone_conversations (until);

  CREATE TABLE blocks (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    blocked_id TEXT NOT NULL,
    PRIMARY KEY (tenant, user_id, blocked_id)
  ) STRICT, WITHOUT ROWID;
  `,
  // The log of each user's list; older conversations are in no log.
  `
  CREATE TABLE user_logs (
    key INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    place INTEGER NOT NULL DEFAULT 0,
    epoch TEXT NOT NULL,
    fence TEXT NOT NULL,
    lineage TEXT NOT NULL,
    UNIQUE (tenant, user_id)
  ) STRICT;

  CREATE TABLE user_log (
    log INTEGER NOT NULL,
    place INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (log, place)
  ) STRICT, WITHOUT ROWID;
  `,
  // Which service sent a message for its sender, and who deleted it; of those of before nobody knows.
  `
  ALTER TABLE messages ADD COLUMN via TEXT;
  ALTER TABLE messages ADD COLUMN deleted_by TEXT;
  `,
  // When entries of logs were written, and when conversations changed; 0: before that was noted.
  `
  ALTER TABLE log ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE conversations ADD COLUMN logged_at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE conversations ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
  `,
  // Topics whose policy says how long they are kept; of the others, and of those of before, it is as long as the topic is known.
  `
  CREATE TABLE topic_policies (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE topics ADD COLUMN kept_until INTEGER;
  CREATE INDEX topics_by_kept ON topics (kept_until) WHERE kept_until IS NOT NULL;
  `,
  // Events for consumers, and the place of each consumer.
  `
  CREATE TABLE consumers (
    key INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (tenant, name)
  ) STRICT;

  CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    partition INTEGER NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_partition ON events (tenant, partition, number);
  CREATE INDEX events_by_time ON events (at);

  CREATE TABLE consumer_places (
    consumer INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    place INTEGER NOT NULL,
    token TEXT,
    acked TEXT,
    until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, partition)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE pending_events (
    consumer INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    number INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (consumer, partition, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE dead_events (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer INTEGER NOT NULL,
    number INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    died_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX dead_by_consumer ON dead_events (consumer, place);
  CREATE INDEX dead_by_time ON dead_events (died_at);
  `,
  // Where events of consumers are sent.
  `
  CREATE TABLE webhooks (
    tenant TEXT NOT NULL,
    consumer TEXT NOT NULL,
    record TEXT NOT NULL,
    health TEXT,
    is_enabled INTEGER NOT NULL,
    PRIMARY KEY (tenant, consumer)
  ) STRICT, WITHOUT ROWID;
  `,
  // When the log of each user's list moved last: of those of before that is now.
  `
  ALTER TABLE user_logs ADD COLUMN moved_at INTEGER NOT NULL DEFAULT 0;
  UPDATE user_logs SET moved_at = unixepoch() * 1000;
  DELETE FROM place_counts WHERE count <= 0;
  `,
];
