export const publicationKeys = `
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
`;
