/** Streamed messages. `state` NULL means COMPLETE. */
export const writings = `
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
`;
