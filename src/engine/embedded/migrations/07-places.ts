export const places = `
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
`;
