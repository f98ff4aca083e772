/** Each user's list of conversations. `engine/shared/conversation-list.ts` defines the buckets; NULL: not shown. */
export const conversationLists = `
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
`;
