/** Topics: what is published in them, and what a tenant's policies say of them. */
import type { PublicationId, Topic, UserId } from './ids.ts';
import type { Position } from './position.ts';

/** The holders of a right on a topic: every user, tokens that name it, services only, or the user whose topic it is. */
export type TopicRight = 'EVERYONE' | 'CLAIMED' | 'SERVICES' | 'OWNER';

/** The settings of a tenant's admins for the topics that a pattern names. */
export interface TopicPolicyRecord {
  readonly pattern: string;
  readonly publish: TopicRight;
  readonly subscribe: TopicRight;
  /** The latest so many are kept; null: as many as usual. */
  readonly keep: number | null;
  /** How long they are kept after the last, as it was given, and in milliseconds; null: as long as usual. */
  readonly keepFor: { readonly text: string; readonly ms: number } | null;
  /** JSON Schema of payloads, as JSON; null: any. */
  readonly schema: string | null;
  readonly updatedAt: number;
  readonly updatedBy: UserId;
}

export interface PublicationRecord {
  readonly id: PublicationId;
  readonly topic: Topic;
  readonly payload: unknown;
  readonly senderId: UserId;
  readonly timestamp: number;
  /** Its place among the publications of its topic, 1, 2, 3 … in one epoch of the topic's history. */
  readonly position: Position;
}
