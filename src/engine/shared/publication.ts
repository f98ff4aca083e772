/** Topics of an engine: the part of the port that keeps publications. */
import type { ExpiryReason } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Position, PublicationId, PublicationRecord, TenantId, Topic, UserId } from '../../model.ts';

/** How much of a topic is kept: the latest so many, for so long after the last of them. */
export interface Keeping {
  readonly most: number;
  readonly forMs: number;
}

/** Where no policy says anything else. */
export const USUAL_KEEPING: Keeping = { most: LIMITS.publicationsPerTopic, forMs: TIMES.publicationMs };

/** Where a topic is stays known for a day at least: whoever comes back learns whether something is gone. */
export const knownForMs = ({ forMs }: Keeping): number => Math.max(forMs, TIMES.publicationMs);

/** By which a publication is recognised when it is published again, and the digest of what was published. */
export interface PublicationKey {
  readonly id: string;
  readonly digest: string;
}

export interface NewPublication {
  readonly id: PublicationId;
  readonly topic: Topic;
  readonly payload: unknown;
  readonly senderId: UserId;
  /** The same of one sender on one topic within `TIMES.idempotencyMs` is one publication. */
  readonly key?: PublicationKey | null;
  /** A routing rule made another payload of what was given: it is kept with the key then. */
  readonly isRewritten?: boolean;
  /** Left out: as usual. */
  readonly keeping?: Keeping;
}

/** The outcome of a publication that routing rules kept from its topic; `publication`: the one that resulted elsewhere. */
export interface PublicationDiversion {
  readonly fate: 'DROPPED' | 'ROUTED';
  readonly publication: PublicationRecord | null;
}

export type EarlierPublication =
  | { readonly outcome: 'duplicate'; readonly publication: PublicationRecord }
  | ({ readonly outcome: 'diverted' } & PublicationDiversion)
  /** Something else was published under this key. */
  | { readonly outcome: 'conflict' };

export type Published = { readonly outcome: 'published'; readonly publication: PublicationRecord } | EarlierPublication;

export interface TopicHistory {
  /** Where the latest publication is; null: nothing is kept. */
  readonly head: Position | null;
  /** Oldest first. */
  readonly publications: readonly PublicationRecord[];
}

export interface TopicStore {
  /** Keeps a publication among the latest of its topic, and announces it. One that is repeated does neither. */
  publish(tenant: TenantId, publication: NewPublication): Promise<Published>;
  /** The outcome of the publication under this key; null: the key is unknown, or there is none. */
  findPublished(tenant: TenantId, publication: NewPublication): Promise<EarlierPublication | null>;
  /** Notes under its key that a publication is not in its topic; what is known of that key already stands. */
  divertPublication(tenant: TenantId, publication: NewPublication, diversion: PublicationDiversion): Promise<void>;
  /** Publications past a place (null: all), at most `limit`, oldest first. The last publication of a topic sets its retention. */
  readTopic(tenant: TenantId, topic: Topic, afterPlace: number | null, limit: number): Promise<TopicHistory>;
  /** The latest that are kept, at most `limit`, oldest first. */
  readLatest(tenant: TenantId, topic: Topic, limit: number): Promise<readonly PublicationRecord[]>;
  /** Where the latest publication is; null: nothing is kept. */
  readTopicHead(tenant: TenantId, topic: Topic): Promise<Position | null>;
}

export type Resumption =
  | { readonly outcome: 'read'; readonly publications: readonly PublicationRecord[] }
  | { readonly outcome: 'expired'; readonly reason: ExpiryReason };

const expired = (reason: ExpiryReason): Resumption => ({ outcome: 'expired', reason });

/** `history`: what was read past the position's place. All that was published since is kept, or it has expired (G06). */
export function resumption({ head, publications }: TopicHistory, { epoch, place }: Position): Resumption {
  // Of what was published before the topic was forgotten nobody knows.
  if (!head) return expired('RETENTION');
  if (head.epoch !== epoch) return expired('EPOCH');
  if (place > head.place) return expired('DIVERGED');
  const [first] = publications;
  // After a restart that lost the end of the history, an earlier life's publications may still be in it.
  if (place < head.place && (first?.position.place !== place + 1 || first.position.epoch !== epoch)) {
    return expired('RETENTION');
  }
  return { outcome: 'read', publications };
}
