export const tokenRefusals = `
CREATE TABLE token_refusals (
  tenant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  up_to INTEGER NOT NULL,
  PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;
`;
