/** The name by which a room is found. For existing rooms it is lower case as far as SQLite folds it. */
export const rooms = `
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
`;
