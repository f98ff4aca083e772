/** The part of the port for topics: it stores publications. */
import type { ExpiryReason } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Position, PublicationId, PublicationRecord, TenantId, Topic, UserId } from '../../model.ts';

/** The retention of a topic: the number of latest publications, and the time after the last one. */
export interface Keeping {
  readonly most: number;
  readonly forMs: number;
}

/** The retention without a policy. */
export const USUAL_KEEPING: Keeping = { most: LIMITS.publicationsPerTopic, forMs: TIMES.publicationMs };

/** A topic's position is kept for a day at least, so that a returning client learns whether publications are gone. */
export const knownForMs = ({ forMs }: Keeping): number => Math.max(forMs, TIMES.publicationMs);

/** Recognises a repeated publication: its id, and the digest of its contents. */
export interface PublicationKey {
  readonly id: string;
  readonly digest: string;
}

export interface NewPublication {
  readonly id: PublicationId;
  readonly topic: Topic;
  readonly payload: unknown;
  readonly senderId: UserId;
  /** The same key of one sender on one topic within `TIMES.idempotencyMs` is one publication. */
  readonly key?: PublicationKey | null;
  /** A routing rule changed the payload, which is then stored with the key. */
  readonly isRewritten?: boolean;
  /** Left out: `USUAL_KEEPING`. */
  readonly keeping?: Keeping;
}

/**
 * The outcome of a publication that routing rules diverted from its topic; `publication`: the resulting one elsewhere.
 */
export interface PublicationDiversion {
  readonly fate: 'DROPPED' | 'ROUTED';
  readonly publication: PublicationRecord | null;
}

export type EarlierPublication =
  | { readonly outcome: 'duplicate'; readonly publication: PublicationRecord }
  | ({ readonly outcome: 'diverted' } & PublicationDiversion)
  /** Another publication has this key. */
  | { readonly outcome: 'conflict' };

export type Published = { readonly outcome: 'published'; readonly publication: PublicationRecord } | EarlierPublication;

export interface TopicHistory {
  /** Where the latest publication is; null: nothing is kept. */
  readonly head: Position | null;
  /** Oldest first. */
  readonly publications: readonly PublicationRecord[];
}

export interface TopicStore {
  /** Stores a publication among the latest of its topic, and announces it. A repeated one does neither. */
  publish(tenant: TenantId, publication: NewPublication): Promise<Published>;
  /** The outcome of the publication under this key; null: the key is unknown, or the publication has none. */
  findPublished(tenant: TenantId, publication: NewPublication): Promise<EarlierPublication | null>;
  /** Stores under its key that a publication was diverted. An earlier outcome of the key stays. */
  divertPublication(tenant: TenantId, publication: NewPublication, diversion: PublicationDiversion): Promise<void>;
  /** Publications past a place (null: all), at most `limit`, oldest first. The last publication of a topic sets its retention. */
  readTopic(tenant: TenantId, topic: Topic, afterPlace: number | null, limit: number): Promise<TopicHistory>;
  /** The latest stored publications, at most `limit`, oldest first. */
  readLatest(tenant: TenantId, topic: Topic, limit: number): Promise<readonly PublicationRecord[]>;
  /** Where the latest publication is; null: nothing is kept. */
  readTopicHead(tenant: TenantId, topic: Topic): Promise<Position | null>;
}

export type Resumption =
  | { readonly outcome: 'read'; readonly publications: readonly PublicationRecord[] }
  | { readonly outcome: 'expired'; readonly reason: ExpiryReason };

/** Why publications past a position cannot be read; null: the position before the first. */
export function expiryOf(head: Position | null, position: Position | null): ExpiryReason {
  // Nothing is known of publications before the topic was dropped.
  if (!head || !position) return 'RETENTION';
  if (head.epoch !== position.epoch) return 'EPOCH';
  return position.place > head.place ? 'DIVERGED' : 'RETENTION';
}

/**
 * `history`: the publications read past the position's place. Either every later publication is in it, or the position
 * has expired (G06).
 */
export function resumption({ head, publications }: TopicHistory, position: Position): Resumption {
  const { epoch, place } = position;
  const [first] = publications;
  // After a restart that lost the end of the history, publications of an earlier epoch may still be in it.
  const isNext = first?.position.place === place + 1 && first.position.epoch === epoch;
  const isKept = head?.epoch === epoch && (place === head.place || (place < head.place && isNext));
  if (!isKept) return { outcome: 'expired', reason: expiryOf(head, position) };
  return { outcome: 'read', publications };
}
