/** How often what may be done, as configured. */
import type { Change } from '../model.ts';

/** Per second unless the name says otherwise; admissions are the process's, of sockets and streams whoever opens them. */
export interface Rates {
  readonly admissionsPerNode: number;
  readonly strangersPerAddress: number;
  readonly connectionsPerUserAndMinute: number;
  /** Sockets of one user on this process: a gateway may do for a user what so many could. */
  readonly connectionsPerUser: number;
  readonly subscriptionsPerConnection: number;
  readonly messagesPerConnection: number;
  readonly messagesPerTenant: number;
  readonly messagesPerNode: number;
  readonly signalsPerConnection: number;
  /** Each per as many seconds as `CHANGES` says. */
  readonly changesPerUser: { readonly [Name in Change]: number };
  /** People named in new conversations and added to others, by one user. */
  readonly namedPerMinute: number;
  readonly namedAtOnce: number;
  /** Units of what operations and events cost, by one user. */
  readonly readsPerUser: number;
  /** By one service, whatever it changes. */
  readonly changesPerService: number;
}
