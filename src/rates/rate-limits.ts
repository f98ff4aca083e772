/**
 * The rate limits of callers: token buckets, decided on this node
 * without a timer, a promise or a round trip.
 *
 * The use of users and tenants is shared: every second each node reports its use, and takes the use
 * of other nodes from its own buckets. So a user on many nodes has one rate. The user can exceed it by the calls that nodes admit
 * between two reports, and by use that is not reported: up to a tenth of a bucket on each node. While the engine is
 * unavailable each node counts alone.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { isService, type Meter, type RateUse, type Viewer } from '../model.ts';
import { DeferredSignals } from './deferred-signals.ts';
import {
  CallerMeter,
  ConnectionBuckets,
  GatewayMeter,
  type IsRevoked,
  type Metering,
  rateRefusal,
  UNMETERED,
  unauthenticatedMeter,
} from './meters.ts';
import type { Rates } from './rates.ts';
import { createSharedBuckets, type SharedBuckets } from './shared-buckets.ts';
import { type TokenBucket, takeAll } from './token-bucket.ts';

/** Reports the use to other nodes. Returns, for each, the use they reported since. */
export type ShareUse = (uses: readonly RateUse[]) => Promise<readonly number[]>;

export class RateLimits {
  readonly #metering: Metering | null;
  readonly #clock: Clock;
  readonly #share: ShareUse;

  /** Null: no limits. */
  constructor(rates: Rates | null, clock: Clock, log: Log, share: ShareUse, isRevoked: IsRevoked) {
    this.#metering = rates && {
      rates,
      buckets: createSharedBuckets(rates, clock),
      deferred: new DeferredSignals(clock, log),
      clock,
      isRevoked,
    };
    this.#clock = clock;
    this.#share = share;
  }

  /** Counts a connection of this user. @throws {ServiceError} RATE_LIMITED. */
  connect(viewer: Viewer): void {
    const { tenant, userId } = viewer;
    this.#open(viewer, ({ connections }) => connections.bucketOf(tenant, userId));
  }

  /** Counts a stream over HTTP: a user opens them as fast as subscriptions on a socket. @throws {ServiceError} RATE_LIMITED. */
  openStream(viewer: Viewer): void {
    this.#open(viewer, ({ streams }) => streams.of(viewer));
  }

  /** Counts a stream over HTTP that a gateway opens for this user. @throws {ServiceError} RATE_LIMITED. */
  openStreamOfGateway(viewer: Viewer): void {
    this.#open(viewer, ({ gatewayStreams }) => gatewayStreams.of(viewer));
  }

  /** Reports the use of this node, and takes the use of others. */
  async reconcile(): Promise<void> {
    const untold = this.#metering?.buckets.shared.flatMap((rate) => rate.untold()) ?? [];
    if (untold.length === 0) return;
    const elsewhere = await this.#share(untold.map(({ use }) => use));
    for (const [index, { bucket }] of untold.entries())
      bucket.takeElsewhere(elsewhere[index] ?? 0, this.#clock.elapsed());
  }

  /** Counts the messages that rules made of one message, against its tenant or against the back end that sent it. */
  copied(viewer: Viewer, count: number): void {
    if (!this.#metering) return;
    const { services, tenants } = this.#metering.buckets;
    const payer = isService(viewer)
      ? services.bucketOf(viewer.tenant, viewer.userId)
      : tenants.bucketOf(viewer.tenant, null);
    // Not from the node's bucket, since one tenant's rules would use it up for the others.
    payer.take(count);
  }

  /** For requests, which have no connection. Null: a request without a token. */
  ofRequest(viewer: Viewer | null): Meter {
    if (!this.#metering) return UNMETERED;
    return viewer ? new CallerMeter(this.#metering, () => viewer, null) : unauthenticatedMeter(this.#metering);
  }

  /** For one connection with the current `viewer`; `onFlood` is called when it keeps exceeding its limits. */
  ofConnection(viewer: () => Viewer, onFlood: () => void): Meter {
    if (!this.#metering) return UNMETERED;
    const own = new ConnectionBuckets(this.#metering.rates, this.#clock.elapsed(), onFlood);
    return new CallerMeter(this.#metering, viewer, own);
  }

  /** For a gateway's socket. Its clients are counted per user, over all sockets of gateways. */
  ofGateway(viewer: () => Viewer): Meter {
    return this.#metering ? new GatewayMeter(this.#metering, viewer) : UNMETERED;
  }

  /** Applies all deferred signals. */
  async close(): Promise<void> {
    await this.#metering?.deferred.close();
  }

  /** A back end opens connections at its own rate, independent of the users for whom it acts. */
  #open(viewer: Viewer, bucketOfUser: (buckets: SharedBuckets) => TokenBucket): void {
    if (!this.#metering) return;
    const { buckets, clock } = this.#metering;
    const bucket = isService(viewer) ? buckets.services.bucketOf(viewer.tenant, viewer.userId) : bucketOfUser(buckets);
    const wait = takeAll([bucket], clock.elapsed());
    if (wait > 0) throw rateRefusal(wait);
  }
}
