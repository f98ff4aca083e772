/** The time at which the log of each user's list moved last; for existing logs the time of this step. */
export const userLogTimes = `
ALTER TABLE user_logs ADD COLUMN moved_at INTEGER NOT NULL DEFAULT 0;
UPDATE user_logs SET moved_at = unixepoch() * 1000;
DELETE FROM place_counts WHERE count <= 0;
`;
