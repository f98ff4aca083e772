/** The log of each user's list. Older conversations are in no log. */
export const userLogs = `
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
`;
