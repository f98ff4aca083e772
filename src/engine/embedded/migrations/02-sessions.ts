export const sessions = `
CREATE TABLE sessions (
  tenant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  id TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (tenant, user_id, id)
) STRICT, WITHOUT ROWID;
`;
