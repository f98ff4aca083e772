/** The options of all sockets of `graphql-transport-ws`. */
import type { StandingOf } from '../../access/gateway.ts';
import type { Clock } from '../../clock.ts';
import type { Caller, Context } from '../../graphql/context.ts';
import type { FormatError } from '../../graphql/errors.ts';
import type { Execution } from '../../graphql/execution.ts';
import type { PersistedQueries } from '../../graphql/persisted-queries.ts';
import type { Log } from '../../log.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Admission } from '../peers/admission.ts';
import type { UserCaps } from '../peers/subscription-caps.ts';
import type { ConnectionOptions } from './connection.ts';

export interface GraphqlWsOptions {
  readonly execution: Execution;
  readonly formatError: FormatError;
  readonly createContext: (caller: Caller) => Context;
  readonly standingOf: StandingOf;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly persisted: PersistedQueries;
  readonly connections: ConnectionOptions;
  readonly gatewayCaps: UserCaps;
}
