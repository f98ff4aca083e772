export const topics = `
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
`;
