/** The configured rate limits. */
import type { Change } from '../model.ts';

/** Per second unless the name says otherwise; admissions are for the process: sockets and streams of all callers. */
export interface Rates {
  readonly admissionsPerNode: number;
  readonly strangersPerAddress: number;
  readonly connectionsPerUserAndMinute: number;
  /** Sockets of one user on this process. A gateway may open as many subscriptions for a user as this number of sockets could. */
  readonly connectionsPerUser: number;
  readonly subscriptionsPerConnection: number;
  readonly messagesPerConnection: number;
  readonly messagesPerTenant: number;
  readonly messagesPerNode: number;
  readonly signalsPerConnection: number;
  /** Each per the number of seconds in `CHANGES`. */
  readonly changesPerUser: { readonly [Name in Change]: number };
  /** People named in new conversations and added to others, by one user. */
  readonly namedPerMinute: number;
  readonly namedAtOnce: number;
  /** Units that operations and events cost, by one user. */
  readonly readsPerUser: number;
  /** By one back end, for changes of every kind. */
  readonly changesPerService: number;
}
