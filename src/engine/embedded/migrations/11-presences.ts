/** A user who hides may never have been seen: `last_seen_at` may be NULL. `shown_since`: since when the user is shown again. */
export const presences = `
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
`;
