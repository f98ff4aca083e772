/** Topics in SQLite: the latest publications of each. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Position, PublicationId, PublicationRecord } from '../../model.ts';
import type { NewPublication, TopicStore } from '../port.ts';
import type { Database } from './database.ts';

interface TopicRow {
  readonly key: number;
  readonly epoch: string;
  readonly place: number;
}

interface KeyRow extends Position {
  readonly id: PublicationId;
  readonly timestamp: number;
}

/** Topics forgotten in one call: none holds the others up for long. */
const FORGOTTEN = 10;

const headOf = (row: TopicRow | undefined): Position | null => (row ? { epoch: row.epoch, place: row.place } : null);

export function createTopics(database: Database, clock: Clock): TopicStore {
  const find = database.prepare('SELECT key, epoch, place FROM topics WHERE tenant = ? AND topic = ?');
  const findLive = database.prepare(
    'SELECT key, epoch, place FROM topics WHERE tenant = ? AND topic = ? AND expires_at > ?',
  );
  const begin = database.prepare(
    'INSERT INTO topics (tenant, topic, epoch, place, expires_at) VALUES (?, ?, ?, 0, 0) RETURNING key, epoch, place',
  );
  const move = database.prepare('UPDATE topics SET place = ?, expires_at = ? WHERE key = ?');
  const put = database.prepare('INSERT INTO publications (topic, place, record) VALUES (?, ?, ?)');
  const trim = database.prepare('DELETE FROM publications WHERE topic = ? AND place <= ?');
  const list = database.prepare('SELECT record FROM publications WHERE topic = ? ORDER BY place');
  const expired = database.prepare('SELECT key FROM topics WHERE expires_at <= ? ORDER BY expires_at LIMIT ?');
  const forget = database.prepare('DELETE FROM topics WHERE key = ?');

  const findKey = database.prepare(
    'SELECT id, timestamp, epoch, place FROM publication_keys WHERE topic = ? AND sender_id = ? AND key = ? AND expires_at > ?',
  );
  const putKey = database.prepare('INSERT OR REPLACE INTO publication_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const dropKeys = database.prepare('DELETE FROM publication_keys WHERE expires_at <= ?');

  function earlierOf(topic: number, publication: NewPublication, now: number): PublicationRecord | null {
    const { idempotencyKey = null, ...said } = publication;
    if (idempotencyKey === null) return null;
    const row = findKey.get(topic, said.senderId, idempotencyKey, now) as unknown as KeyRow | undefined;
    if (!row) return null;
    const { id, timestamp, epoch, place } = row;
    return { ...said, id, timestamp, position: { epoch, place } };
  }

  function remember(topic: number, key: string, { id, senderId, timestamp, position }: PublicationRecord): void {
    dropKeys.run(timestamp);
    const { epoch, place } = position;
    putKey.run(topic, senderId ?? '', key, id, timestamp, epoch, place, timestamp + TIMES.idempotencyMs);
  }

  function forgetExpired(now: number): void {
    for (const { key } of expired.all(now, FORGOTTEN) as unknown as TopicRow[]) {
      trim.run(key, Number.MAX_SAFE_INTEGER);
      forget.run(key);
    }
  }

  return {
    async publish(tenant, publication) {
      const { topic } = publication;
      return database.write((announce) => {
        const now = clock.now();
        forgetExpired(now);
        const row = (find.get(tenant, topic) ?? begin.get(tenant, topic, randomUUID())) as unknown as TopicRow;
        const earlier = earlierOf(row.key, publication, now);
        if (earlier) return earlier;
        const { idempotencyKey = null, ...said } = publication;
        const position = { epoch: row.epoch, place: row.place + 1 };
        const record: PublicationRecord = { ...said, timestamp: now, position };
        if (idempotencyKey !== null) remember(row.key, idempotencyKey, record);
        move.run(position.place, now + TIMES.publicationMs, row.key);
        put.run(row.key, position.place, JSON.stringify(record));
        trim.run(row.key, position.place - LIMITS.publicationsPerTopic);
        announce({ kind: 'topic', tenant, id: topic }, { type: 'publication', publication: record });
        return record;
      });
    },

    async readTopic(tenant, topic) {
      return database.read(() => {
        const row = findLive.get(tenant, topic, clock.now()) as unknown as TopicRow | undefined;
        const records = row ? (list.all(row.key) as unknown as { readonly record: string }[]) : [];
        return {
          head: headOf(row),
          publications: records.map(({ record }) => JSON.parse(record) as PublicationRecord),
        };
      });
    },

    async readTopicHead(tenant, topic) {
      return database.read(() => headOf(findLive.get(tenant, topic, clock.now()) as unknown as TopicRow | undefined));
    },
  };
}
