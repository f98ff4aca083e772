/** Idempotency keys of publications with their outcomes, for a day. */
import { TIMES } from '../../limits.ts';
import type { Position, PublicationId, PublicationRecord } from '../../model.ts';
import type { Unread } from '../shared/closed.ts';
import type { EarlierPublication, NewPublication, PublicationDiversion } from '../shared/publication.ts';
import { readDiversion } from '../shared/stored-records.ts';
import type { Database } from './database.ts';

interface KeyRow extends Position {
  readonly id: PublicationId;
  readonly timestamp: number;
  readonly digest: string;
  /** JSON. */
  readonly payload: string | null;
  /** JSON. */
  readonly diversion: string | null;
}

/** By the key of the topic's row. For a publication without an idempotency key nothing is found or stored. */
export interface PublicationKeys {
  find(topic: number, publication: NewPublication, now: number): EarlierPublication | null;
  keep(topic: number, publication: NewPublication, record: PublicationRecord): void;
  divert(topic: number, publication: NewPublication, diversion: PublicationDiversion, now: number): void;
}

const NOWHERE: Position = { epoch: '', place: 0 };

export function createPublicationKeys(database: Database): PublicationKeys {
  const select = database.prepare(
    `SELECT id, timestamp, epoch, place, digest, payload, diversion FROM publication_keys
     WHERE topic = ? AND sender_id = ? AND key = ? AND expires_at > ?`,
  );
  const insert = database.prepare(
    `INSERT OR REPLACE INTO publication_keys
     (topic, sender_id, key, id, timestamp, epoch, place, expires_at, digest, payload, diversion)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const dropExpired = database.prepare('DELETE FROM publication_keys WHERE expires_at <= ?');

  function put(
    topic: number,
    { id, senderId, key }: NewPublication,
    { epoch, place }: Position,
    now: number,
    kept: { readonly payload: string | null; readonly diversion: string | null },
  ): void {
    if (!key) return;
    dropExpired.run(now);
    const { payload, diversion } = kept;
    const expiresAt = now + TIMES.idempotencyMs;
    insert.run(topic, senderId, key.id, id, now, epoch, place, expiresAt, key.digest, payload, diversion);
  }

  return {
    find(topic, { topic: name, payload: given, senderId, key }, now) {
      const row = key && (select.get(topic, senderId, key.id, now) as unknown as KeyRow | undefined);
      if (!row) return null;
      // Older versions stored no digest.
      if (row.digest !== '' && row.digest !== key.digest) return { outcome: 'conflict' };
      if (row.diversion !== null)
        return { outcome: 'diverted', ...readDiversion(JSON.parse(row.diversion) as Unread<PublicationDiversion>) };
      const { id, timestamp, epoch, place } = row;
      const payload = row.payload === null ? given : JSON.parse(row.payload);
      return {
        outcome: 'duplicate',
        publication: { id, topic: name, payload, senderId, timestamp, position: { epoch, place } },
      };
    },

    keep(topic, publication, { payload, timestamp, position }) {
      const kept = publication.isRewritten ? JSON.stringify(payload) : null;
      put(topic, publication, position, timestamp, { payload: kept, diversion: null });
    },

    divert(topic, publication, diversion, now) {
      put(topic, publication, NOWHERE, now, { payload: null, diversion: JSON.stringify(diversion) });
    },
  };
}
