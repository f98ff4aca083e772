/** Times of log entries and of changes to conversations; 0 for older ones. */
export const logTimes = `
ALTER TABLE log ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN logged_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
`;
