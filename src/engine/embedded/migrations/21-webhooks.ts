/** Webhooks: the endpoints to which events of consumers are sent. */
export const webhooks = `
CREATE TABLE webhooks (
  tenant TEXT NOT NULL,
  consumer TEXT NOT NULL,
  record TEXT NOT NULL,
  health TEXT,
  is_enabled INTEGER NOT NULL,
  PRIMARY KEY (tenant, consumer)
) STRICT, WITHOUT ROWID;
`;
