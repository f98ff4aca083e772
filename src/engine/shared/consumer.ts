/** Consumers of an engine: the part of the port that keeps what happened for back ends, and hands it out. */
import { createHash } from 'node:crypto';
import { TIMES } from '../../limits.ts';
import type {
  ConsumerRecord,
  ConversationId,
  ConversationRecord,
  EventType,
  MessageRecord,
  PresenceRecord,
  PublicationRecord,
  SessionEvent,
  TenantId,
  Topic,
  Unreached,
  UserId,
} from '../../model.ts';
import { matchesTopic } from './topic-match.ts';
import type { ListEvent } from './user-log.ts';

/** Something that happened to a conversation, a topic or a user, its subject: those of one subject have one order. */
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
  /** The same whenever it is handed out again. */
  readonly id: string;
  readonly at: number;
  /** How often it was handed out, this time included. */
  readonly attempt: number;
};

export interface EventPull {
  readonly member: string;
  /** Events at most; fewer where they are long. */
  readonly max: number;
}

/** Names what was handed out at once to `ackEvents`; nobody else can know it. */
export interface EventToken {
  readonly id: string;
  readonly partitions: readonly number[];
}

export interface PulledEvents {
  /** Those of a subject in their order. */
  readonly events: readonly EventRecord[];
  readonly token: EventToken;
  /** Whether there is more to look at now, whatever is in `events`. */
  readonly isPart: boolean;
}

/** How long what failed rests: a second, times `growth` after each attempt, at most `mostMs`. */
export interface BackOff {
  readonly growth: number;
  readonly mostMs: number;
}

export interface Handling {
  readonly backOff: BackOff;
  /** Ids of events that were handed out for nothing: it is no attempt. */
  readonly returned: readonly string[];
}

/** Of members that pull. */
export const AS_PULLED: Handling = { backOff: { growth: 2, mostMs: TIMES.eventAckMs }, returned: [] };

export interface ConsumerProgress {
  /** Events that were not handed out yet; of more than `LIMITS.countedEvents` in a partition that many are counted. */
  readonly lag: number;
  /** Events that were handed out, and are not acknowledged. */
  readonly pending: number;
  /** When the oldest of those happened. */
  readonly oldestPendingAt: number | null;
  readonly deadLetters: number;
}

/** An event that was given up after `LIMITS.eventAttempts`; `place` is its own among the dead letters. */
export type DeadLetter = EventRecord & { readonly place: string };

/**
 * Events kept for consumers (G23).
 *
 * While a tenant has a consumer, every event is stored in the step of its change, for `TIMES.eventsMs`.
 * Each consumer gets each event it selects at least once, those of one subject in order. Events that are not
 * acknowledged within `TIMES.eventAckMs` are handed out again; until then no member gets further events of their subject.
 */
export interface ConsumerStore {
  /** In no order. */
  readConsumers(tenant: TenantId): Promise<ConsumerRecord[]>;
  /**
   * Saves a consumer, replacing one of the same name, whose position it keeps. A new one begins with new events or with the
   * kept ones: nothing is kept without a consumer. Events from `recordedInMs` after this on are kept for certain, on every
   * node.
   */
  saveConsumer(
    tenant: TenantId,
    consumer: ConsumerRecord,
    from: 'START' | 'NOW',
  ): Promise<{ readonly outcome: 'saved'; readonly recordedInMs: number } | { readonly outcome: 'full' }>;
  /** With its place and its dead letters; false: there was none. */
  deleteConsumer(tenant: TenantId, name: string): Promise<boolean>;
  /** Hands out what is next, which may be nothing. Null: there is no such consumer. */
  pullEvents(tenant: TenantId, name: string, pull: EventPull): Promise<PulledEvents | null>;
  /**
   * Acknowledges the events of a token, except the failed ones, which are handed out again after a second, and after longer
   * each time, and those that were not tried. `late`: some were handed out again since, and their new token acknowledges
   * them. Idempotent.
   */
  ackEvents(
    tenant: TenantId,
    name: string,
    token: EventToken,
    failed: readonly string[],
    handling?: Handling,
  ): Promise<'acknowledged' | 'late' | 'not-found'>;
  /**
   * Hands out what rests at once, and of each partition up to `most` dead letters past a place once more, as if for the first time.
   * Answers how many those are; null: there is no such consumer.
   */
  redeliverEvents(tenant: TenantId, name: string, after: string | null, most: number): Promise<number | null>;
  /** Keeps for consumers that users, of one conversation and one message, were not reached at an instant. It may be kept twice. */
  noteUnreached(tenant: TenantId, at: number, users: readonly Unreached[]): Promise<void>;
  /** Null: there is no such consumer. */
  readProgress(tenant: TenantId, name: string): Promise<ConsumerProgress | null>;
  /** Those past a place, oldest first. */
  listDeadLetters(tenant: TenantId, name: string, after: string | null, limit: number): Promise<DeadLetter[]>;
  /** Another one once there may be more to hand out. */
  readArrivals(tenant: TenantId): Promise<string>;
}

/** The name of the service's own consumer, which looks for users that were not reached: no other may have it. */
export const UNREACHED = '$unreached';

/** Events of one subject are in one partition, of which one member has some at a time. */
export const PARTITIONS = 8;

export function partitionOf(subject: string): number {
  return (createHash('sha256').update(subject).digest()[0] ?? 0) % PARTITIONS;
}

/** Events of users are of no conversation and no topic. */
const isOfUser = (type: string): boolean => type === 'PRESENCE_CHANGED' || type.startsWith('SESSION_');

/** Whether a consumer wants events of a type and a subject. */
export function wantedBy({
  events,
  conversations,
  topics,
}: ConsumerRecord): (type: string, subject: string) => boolean {
  const types = new Set<string>(events);
  const ids = conversations && new Set<string>(conversations);
  return (type, subject) => {
    if (!types.has(type)) return false;
    if (isOfUser(type)) return true;
    if (type !== 'PUBLISHED') return ids?.has(subject) ?? true;
    return topics?.some((pattern) => matchesTopic(pattern, subject)) ?? true;
  };
}

/** How long what failed waits for its next attempt. */
export const retryAfterMs = (attempts: number, { growth, mostMs }: BackOff): number =>
  Math.min(1_000 * growth ** (attempts - 1), mostMs);
