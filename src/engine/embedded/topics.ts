/** Topics in SQLite: the latest publications of each. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Position, PublicationRecord } from '../../model.ts';
import { knownForMs, type TopicStore, USUAL_KEEPING } from '../shared/publication.ts';
import type { Database } from './database.ts';
import { createPublicationKeys } from './publication-keys.ts';

interface TopicRow {
  readonly key: number;
  readonly epoch: string;
  readonly place: number;
  /** Null: as long as the topic's position is known. */
  readonly keptUntil: number | null;
}

/** Topics dropped in one call, so that no call takes long. */
const FORGOTTEN = 10;

const headOf = (row: TopicRow | undefined): Position | null => (row ? { epoch: row.epoch, place: row.place } : null);

const COLUMNS = 'key, epoch, place, kept_until AS keptUntil';

const isKept = (row: TopicRow, now: number): boolean => row.keptUntil === null || row.keptUntil > now;

/** Drops topics without stored publications, some at a time. */
export function createTopicForgetting(database: Database): (now: number) => void {
  const expired = database.prepare('SELECT key FROM topics WHERE expires_at <= ? ORDER BY expires_at LIMIT ?');
  const outdated = database.prepare('SELECT key FROM topics WHERE kept_until <= ? ORDER BY kept_until LIMIT ?');
  const drop = database.prepare('DELETE FROM publications WHERE topic = ?');
  const forget = database.prepare('DELETE FROM topics WHERE key = ?');
  const empty = database.prepare('UPDATE topics SET kept_until = NULL WHERE key = ?');
  return (now) => {
    for (const { key } of expired.all(now, FORGOTTEN) as unknown as TopicRow[]) {
      drop.run(key);
      forget.run(key);
    }
    for (const { key } of outdated.all(now, FORGOTTEN) as unknown as TopicRow[]) {
      drop.run(key);
      empty.run(key);
    }
  };
}

/** The reads of topics. */
function createReads(database: Database, clock: Clock): Pick<TopicStore, 'readTopic' | 'readLatest' | 'readTopicHead'> {
  const findLive = database.prepare(`SELECT ${COLUMNS} FROM topics WHERE tenant = ? AND topic = ? AND expires_at > ?`);
  const list = database.prepare('SELECT record FROM publications WHERE topic = ? AND place > ? ORDER BY place LIMIT ?');
  const listLatest = database.prepare('SELECT record FROM publications WHERE topic = ? ORDER BY place DESC LIMIT ?');

  return {
    async readTopic(tenant, topic, afterPlace, limit) {
      return database.read(() => {
        const now = clock.now();
        const row = findLive.get(tenant, topic, now) as unknown as TopicRow | undefined;
        const records =
          row && isKept(row, now)
            ? (list.all(row.key, afterPlace ?? 0, limit) as unknown as { readonly record: string }[])
            : [];
        return {
          head: headOf(row),
          publications: records.map(({ record }) => JSON.parse(record) as PublicationRecord),
        };
      });
    },

    async readLatest(tenant, topic, limit) {
      return database.read(() => {
        const now = clock.now();
        const row = findLive.get(tenant, topic, now) as unknown as TopicRow | undefined;
        const latest =
          row && isKept(row, now) ? (listLatest.all(row.key, limit) as unknown as { readonly record: string }[]) : [];
        return latest.map(({ record }) => JSON.parse(record) as PublicationRecord).reverse();
      });
    },

    async readTopicHead(tenant, topic) {
      return database.read(() => headOf(findLive.get(tenant, topic, clock.now()) as unknown as TopicRow | undefined));
    },
  };
}

export function createTopics(database: Database, clock: Clock): TopicStore {
  const keys = createPublicationKeys(database);
  const find = database.prepare(`SELECT ${COLUMNS} FROM topics WHERE tenant = ? AND topic = ?`);
  const begin = database.prepare(
    `INSERT INTO topics (tenant, topic, epoch, place, expires_at) VALUES (?, ?, ?, 0, 0) RETURNING ${COLUMNS}`,
  );
  const move = database.prepare('UPDATE topics SET place = ?, expires_at = ?, kept_until = ? WHERE key = ?');
  const prolong = database.prepare('UPDATE topics SET expires_at = max(expires_at, ?) WHERE key = ?');
  const put = database.prepare('INSERT INTO publications (topic, place, record) VALUES (?, ?, ?)');
  const trim = database.prepare('DELETE FROM publications WHERE topic = ? AND place <= ?');
  const forgetExpired = createTopicForgetting(database);

  return {
    ...createReads(database, clock),

    async publish(tenant, publication) {
      const { topic, keeping = USUAL_KEEPING } = publication;
      return database.write((announce) => {
        const now = clock.now();
        forgetExpired(now);
        const row = (find.get(tenant, topic) ?? begin.get(tenant, topic, randomUUID())) as unknown as TopicRow;
        const earlier = keys.find(row.key, publication, now);
        if (earlier) return earlier;
        const { id, payload, senderId } = publication;
        const position = { epoch: row.epoch, place: row.place + 1 };
        const record: PublicationRecord = { id, topic, payload, senderId, timestamp: now, position };
        keys.keep(row.key, publication, record);
        if (!isKept(row, now)) trim.run(row.key, row.place);
        const knownMs = knownForMs(keeping);
        move.run(position.place, now + knownMs, keeping.forMs < knownMs ? now + keeping.forMs : null, row.key);
        put.run(row.key, position.place, JSON.stringify(record));
        trim.run(row.key, position.place - keeping.most);
        announce({ kind: 'topic', tenant, id: topic }, { type: 'publication', publication: record });
        return { outcome: 'published', publication: record };
      });
    },

    async findPublished(tenant, publication) {
      return database.read(() => {
        const row = find.get(tenant, publication.topic) as unknown as TopicRow | undefined;
        return row ? keys.find(row.key, publication, clock.now()) : null;
      });
    },

    async divertPublication(tenant, publication, diversion) {
      const { topic } = publication;
      await database.write(() => {
        const now = clock.now();
        const row = (find.get(tenant, topic) ?? begin.get(tenant, topic, randomUUID())) as unknown as TopicRow;
        if (keys.find(row.key, publication, now)) return;
        // The key lasts as long as its topic does.
        prolong.run(now + TIMES.publicationMs, row.key);
        keys.divert(row.key, publication, diversion, now);
      });
    },
  };
}
