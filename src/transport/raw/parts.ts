/** The parts that the raw protocol is built from. */
import type { VerifyToken } from '../../access/tokens.ts';
import type { Clock } from '../../clock.ts';
import type { Delivery } from '../../delivery/delivery.ts';
import type { Domain } from '../../domain/domain.ts';
import type { FormatError } from '../../graphql/errors.ts';
import type { Log } from '../../log.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Admission } from '../peers/admission.ts';
import type { ConnectionOptions } from '../websocket/connection.ts';
import type { Rendering } from './rendering.ts';

export interface RawServices {
  readonly domain: Domain;
  readonly delivery: Delivery;
  readonly admission: Admission;
  readonly verifyToken: VerifyToken;
  readonly formatError: FormatError;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly connections: ConnectionOptions;
}

export type RawParts = RawServices & { readonly rendering: Rendering };
