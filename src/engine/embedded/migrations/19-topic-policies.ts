/** Topic policies, and how long a topic is kept by its policy; NULL: as long as the topic is known. */
export const topicPolicies = `
CREATE TABLE topic_policies (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
ALTER TABLE topics ADD COLUMN kept_until INTEGER;
CREATE INDEX topics_by_kept ON topics (kept_until) WHERE kept_until IS NOT NULL;
`;
