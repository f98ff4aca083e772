/** The part of the port for consumers: it stores events for back ends and hands them out. */
import { createHash } from 'node:crypto';
import { TIMES } from '../../limits.ts';
import {
  type ConsumerRecord,
  type ConversationId,
  type ConversationRecord,
  EVENT_TYPES,
  type EventType,
  type MessageRecord,
  type PresenceRecord,
  type PublicationRecord,
  type SessionEvent,
  type TenantId,
  type Topic,
  type Unreached,
  type UserId,
} from '../../model.ts';
import { matchesTopic } from './topic-match.ts';
import type { ListEvent } from './user-log.ts';

/** A stored consumer. */
export interface ReadConsumer {
  readonly record: ConsumerRecord;
  /** The types of events that it wants and only a newer version knows. */
  readonly newer: readonly string[];
}

/** An event of a conversation, a topic or a user, its subject. Events of one subject have one order. */
export type Happening =
  | {
      readonly type: Extract<EventType, `MESSAGE_${string}`>;
      readonly subject: ConversationId;
      readonly data: MessageRecord;
    }
  | {
      readonly type: Extract<EventType, `MEMBER_${string}` | `CONVERSATION_${string}`>;
      readonly subject: ConversationId;
      readonly data: MembersChange;
    }
  | { readonly type: 'PUBLISHED'; readonly subject: Topic; readonly data: PublicationRecord }
  | { readonly type: 'USER_UNREACHED'; readonly subject: ConversationId; readonly data: Unreached }
  | { readonly type: 'PRESENCE_CHANGED'; readonly subject: UserId; readonly data: ShownPresence }
  | { readonly type: Extract<EventType, `SESSION_${string}`>; readonly subject: UserId; readonly data: SessionEvent };

/** A presence as others see it. */
export type ShownPresence = Pick<PresenceRecord, 'userId' | 'status' | 'statusText' | 'lastSeenAt' | 'devices'>;

export interface MembersChange {
  readonly conversation: ConversationRecord;
  /** The members who came or went; for a new conversation its first members, for a deleted one none. */
  readonly userIds: readonly UserId[];
  readonly why?: Exclude<ListEvent, 'JOINED'>;
}

export type EventRecord = Happening & {
  /** The same at each redelivery. */
  readonly id: string;
  readonly at: number;
  /** The number of deliveries, including this one. */
  readonly attempt: number;
};

/** An event of a type that only a newer version knows: `newer`. Nodes of this version hand it out to nobody. */
export interface NewerEvent extends Pick<EventRecord, 'id' | 'at' | 'attempt'> {
  readonly type: null;
  readonly newer: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, never>>;
}

export interface EventPull {
  readonly member: string;
  /** The most events; fewer when they are long. */
  readonly max: number;
}

/** Identifies events that were handed out together, for `ackEvents`. Random, so nobody can guess it. */
export interface EventToken {
  readonly id: string;
  readonly partitions: readonly number[];
}

export interface PulledEvents {
  /** Events of one subject are in order. */
  readonly events: readonly EventRecord[];
  readonly token: EventToken;
  /** Whether a further pull may find more events now. */
  readonly isPart: boolean;
}

/** The back-off of failed events: one second, multiplied by `growth` after each attempt, at most `mostMs`. */
export interface BackOff {
  readonly growth: number;
  readonly mostMs: number;
}

export interface Handling {
  readonly backOff: BackOff;
  /** Ids of events that were not tried: this delivery does not count as an attempt. */
  readonly returned: readonly string[];
}

/** For members that pull over the API. */
export const AS_PULLED: Handling = { backOff: { growth: 2, mostMs: TIMES.eventAckMs }, returned: [] };

export interface ConsumerProgress {
  /** Events not handed out yet, counted up to `LIMITS.countedEvents` per partition. */
  readonly lag: number;
  /** Events handed out and not acknowledged. */
  readonly pending: number;
  /** The time of the oldest of those. */
  readonly oldestPendingAt: number | null;
  readonly deadLetters: number;
}

/** An event that was given up after `LIMITS.eventAttempts`; `key` is its sort key among the dead letters. */
export type DeadLetter = (EventRecord | NewerEvent) & { readonly key: string };

/**
 * Events stored for consumers (G23).
 *
 * While a tenant has a consumer, every event is stored in the step of its change, for `TIMES.eventsMs`.
 * Each consumer gets each event it selects at least once, those of one subject in order. Events that are not
 * acknowledged within `TIMES.eventAckMs` are handed out again; until then no member gets further events of their subject.
 */
export interface ConsumerStore {
  /** In no order. */
  readConsumers(tenant: TenantId): Promise<ConsumerRecord[]>;
  /**
   * Saves a consumer, replacing one of the same name and keeping its position. A new one begins with new or with stored
   * events; none are stored while there is no consumer. From `recordedInMs` later on every node is sure to store
   * events.
   */
  saveConsumer(
    tenant: TenantId,
    consumer: ConsumerRecord,
    from: 'START' | 'NOW',
  ): Promise<{ readonly outcome: 'saved'; readonly recordedInMs: number } | { readonly outcome: 'full' }>;
  /** Deletes a consumer with its position and dead letters; false: there was none. */
  deleteConsumer(tenant: TenantId, name: string): Promise<boolean>;
  /**
   * Hands out the next events, possibly none. Null: there is no such consumer. A selected event of a type that only a
   * newer version knows ends the events of its partition: it, and those after it, wait for a node of that version.
   */
  pullEvents(tenant: TenantId, name: string, pull: EventPull): Promise<PulledEvents | null>;
  /**
   * Acknowledges the events of a token, except failed ones, which are handed out again with a back-off, and returned
   * ones. `late`: some were handed out again since, and their new token acknowledges them. Idempotent.
   */
  ackEvents(
    tenant: TenantId,
    name: string,
    token: EventToken,
    failed: readonly string[],
    handling?: Handling,
  ): Promise<'acknowledged' | 'late' | 'not-found'>;
  /**
   * Makes resting events due at once, and up to `most` dead letters per partition past a sort key new again. Returns the
   * number of those dead letters; null: there is no such consumer.
   */
  redeliverEvents(tenant: TenantId, name: string, after: string | null, most: number): Promise<number | null>;
  /** Stores the event that users were not reached by a message of one conversation. It may be stored twice. */
  noteUnreached(tenant: TenantId, at: number, users: readonly Unreached[]): Promise<void>;
  /** Null: there is no such consumer. */
  readProgress(tenant: TenantId, name: string): Promise<ConsumerProgress | null>;
  /** Dead letters past a sort key, oldest first. */
  listDeadLetters(tenant: TenantId, name: string, after: string | null, limit: number): Promise<DeadLetter[]>;
  /** A value that changes when there may be more to hand out. */
  readArrivals(tenant: TenantId): Promise<string>;
}

/** The reserved name of the service's own consumer, which finds users who were not reached. */
export const UNREACHED = '$unreached';

/** Events of one subject are in one partition, and one member at a time holds events of a partition. */
export const PARTITIONS = 8;

export function partitionOf(subject: string): number {
  return (createHash('sha256').update(subject).digest()[0] ?? 0) % PARTITIONS;
}

/** Events of users belong to no conversation and no topic. */
const isOfUser = (type: string): boolean => type === 'PRESENCE_CHANGED' || type.startsWith('SESSION_');

const KNOWN: ReadonlySet<string> = new Set(EVENT_TYPES);

/** Whether a consumer wants events of a type and a subject. The subjects of an unknown type are unknown. */
export function wantedBy({ record, newer }: ReadConsumer): (type: string, subject: string) => boolean {
  const { events, conversations, topics } = record;
  const types = new Set<string>([...events, ...newer]);
  const ids = conversations && new Set<string>(conversations);
  return (type, subject) => {
    if (!types.has(type)) return false;
    if (isOfUser(type) || !KNOWN.has(type)) return true;
    if (type !== 'PUBLISHED') return ids?.has(subject) ?? true;
    return topics?.some((pattern) => matchesTopic(pattern, subject)) ?? true;
  };
}

/** How long a failed event waits for its next attempt. */
export const retryAfterMs = (attempts: number, { growth, mostMs }: BackOff): number =>
  Math.min(1_000 * growth ** (attempts - 1), mostMs);
