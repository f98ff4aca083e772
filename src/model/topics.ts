/** Topics: their publications, and the policies of a tenant. */
import type { PublicationId, Topic, UserId } from './ids.ts';
import type { Position } from './position.ts';

/**
 * Who has a right on a topic: every user, tokens that name the topic, back ends only, or the user who owns the topic.
 */
export type TopicRight = 'EVERYONE' | 'CLAIMED' | 'SERVICES' | 'OWNER';

/** The settings of a tenant's admins for the topics that a pattern names. */
export interface TopicPolicyRecord {
  readonly pattern: string;
  readonly publish: TopicRight;
  readonly subscribe: TopicRight;
  /** The number of latest publications kept; null: the default. */
  readonly keep: number | null;
  /** How long publications are kept after the last one, as given and in milliseconds; null: the default. */
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
  /** Its position in the topic's history; places are 1, 2, 3 … within an epoch. */
  readonly position: Position;
}
