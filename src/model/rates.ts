/** The use that counts against the rates of users and tenants. */
import type { TenantId, UserId } from './ids.ts';
import type { Viewer } from './viewer.ts';

/** The kinds of a user's changes; each has a rate. Every field of `Mutation`, and every frame that changes something, has a kind. */
export type Change =
  | 'message'
  | 'signal'
  | 'reaction'
  | 'append'
  | 'creation'
  | 'membership'
  | 'list'
  | 'session-creation'
  | 'session'
  | 'admin'
  | 'rule-test';

/** A rate of a user or a tenant that applies to all nodes together. */
export type RateName =
  | `user-${Exclude<Change, 'message'>}`
  | 'user-messages'
  | 'user-reads'
  | 'user-named'
  | 'user-connections'
  | 'service-changes'
  | 'tenant-messages';

/** The use of a rate on one node. */
export interface RateUse {
  readonly rate: RateName;
  readonly tenant: TenantId;
  /** Null: a rate of the tenant. */
  readonly userId: UserId | null;
  readonly count: number;
}

/**
 * A change of which only the latest counts: typing, presence, a read position.
 *
 * A signal over its rate is not refused; its answer is the same as if it had been applied.
 */
export interface Signal<Answer> {
  /** A signal replaces a waiting one of the same kind whose rank is not higher. */
  readonly kind: string;
  readonly rank: number;
  /** The handling of a signal over its rate: dropped, or applied as soon as the rate allows, before or after others. */
  readonly late: 'let-go' | 'in-turn' | 'first';
  apply(): Promise<Answer>;
  asIfApplied(): Answer | Promise<Answer>;
}

/** Counts a caller's acts against their rates. */
export interface Meter {
  /** Counts a change, and the people it names. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  count(change: Exclude<Change, 'signal'>, named?: number): void;
  /** Gives back the people counted for a call that was then refused as bad input. */
  unname(named: number): void;
  /** Applies a signal now, later, or not at all. Never refuses. */
  signal<Answer>(signal: Signal<Answer>): Promise<Answer>;
  /** Counts a subscription. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  subscribe(): void;
  /** Takes the units that an operation may cost, before it runs. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  read(units: number): void;
  /** Takes the units that an operation cost beyond that, or gives back the unused ones. */
  adjust(units: number): void;
  /** Takes units for completed work, even below zero. A caller with none left is counted as refused. */
  spend(units: number): void;
  /** Counts a refusal because of a cap that the caller has used up. */
  overrun(): void;
  /** Takes a share of what the response to an event cost. @throws {ServiceError} QUERY_TOO_COSTLY. */
  payForEvent(units: number): void;
  /** The meter of another user, when the caller has just proved to be this user. */
  of(viewer: Viewer): Meter;
}
