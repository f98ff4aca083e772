/** Events for consumers, and the place of each consumer in them. */
export const consumers = `
CREATE TABLE consumers (
  key INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (tenant, name)
) STRICT;

CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  partition INTEGER NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  at INTEGER NOT NULL,
  data TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_partition ON events (tenant, partition, number);
CREATE INDEX events_by_time ON events (at);

CREATE TABLE consumer_places (
  consumer INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  place INTEGER NOT NULL,
  token TEXT,
  acked TEXT,
  until INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (consumer, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending_events (
  consumer INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  number INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  token TEXT NOT NULL,
  PRIMARY KEY (consumer, partition, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_events (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  consumer INTEGER NOT NULL,
  number INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  at INTEGER NOT NULL,
  data TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  died_at INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_by_consumer ON dead_events (consumer, place);
CREATE INDEX dead_by_time ON dead_events (died_at);
`;
