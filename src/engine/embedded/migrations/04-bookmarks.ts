export const bookmarks = `
CREATE TABLE inboxes (
  tenant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  session TEXT NOT NULL,
  written_at INTEGER NOT NULL,
  positions TEXT NOT NULL,
  PRIMARY KEY (tenant, user_id, session)
) STRICT, WITHOUT ROWID;
`;
