/** The use that counts against the rates of users and tenants. */
import type { TenantId, UserId } from './ids.ts';
import type { Viewer } from './viewer.ts';

/** The classes of a user's changes by rate; `src/rates/classes.ts` says which fields and frames belong to which. */
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

/** A rate to which all nodes together hold a user or a tenant. */
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
  /** Null: of a rate of the tenant. */
  readonly userId: UserId | null;
  readonly count: number;
}

/**
 * A change of which only the latest counts: typing, presence, a read position.
 *
 * Over its rate it is not refused: it answers as if it had been applied.
 */
export interface Signal<Answer> {
  /** One of the same kind that ranks as high takes the place of one that waits. */
  readonly kind: string;
  readonly rank: number;
  /** The handling of a signal over its rate: dropped, or applied as soon as the rate allows, before or after others. */
  readonly late: 'let-go' | 'in-turn' | 'first';
  apply(): Promise<Answer>;
  asIfApplied(): Answer | Promise<Answer>;
}

/** Counts what a caller does against their rates. */
export interface Meter {
  /** Counts a change, and the people it names. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  count(change: Exclude<Change, 'signal'>, named?: number): void;
  /** Gives back the people of a call that was counted and then refused as bad input: it named nobody. */
  unname(named: number): void;
  /** Applies a signal now, or later, or not at all; refuses none. */
  signal<Answer>(signal: Signal<Answer>): Promise<Answer>;
  /** Counts a subscription. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  subscribe(): void;
  /** Takes the units that an operation may cost, before it runs. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  read(units: number): void;
  /** Takes what an operation cost beyond that, or gives back what it did not. */
  settle(units: number): void;
  /** Takes units for completed work, even below zero. A caller with none left is counted as refused. */
  spend(units: number): void;
  /** Counts that something was refused for want of room that the caller has used up. */
  overrun(): void;
  /** Takes a share of what the response to an event cost. @throws {ServiceError} QUERY_TOO_COSTLY. */
  hear(units: number): void;
  /** The meter of a user whom the caller has just proven to be. */
  of(viewer: Viewer): Meter;
}
