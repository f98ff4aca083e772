/**
 * How often a caller may do what costs: token buckets, decided on this node
 * without a timer, a promise or a round trip.
 *
 * What users and tenants use is shared: every second the nodes tell each other of
 * it, and each takes from its own buckets what was used elsewhere. Who uses many
 * nodes is held to one rate in all, and can be over it by what the nodes let
 * through in the second before they heard of each other, and by a tenth of the
 * rate on each node, which is not told. While the engine is away each node goes by
 * what it counts itself. (rate-limiter-flexible keeps the sums in Redis. It does not
 * decide: it counts in windows, and costs a promise and a timer each time.)
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Meter, RateUse, Viewer } from '../model.ts';
import { HeldSignals } from './held-signals.ts';
import {
  CallerMeter,
  ConnectionBuckets,
  GatewayMeter,
  isService,
  type Metering,
  meterOfNobody,
  refusal,
  UNMETERED,
} from './meters.ts';
import type { Rates } from './rates.ts';
import { createSharedBuckets, type SharedBuckets } from './shared-buckets.ts';
import { type TokenBucket, takeAll } from './token-bucket.ts';

/** Tells other nodes; answers for each how much they told of since. */
export type ShareUse = (uses: readonly RateUse[]) => Promise<readonly number[]>;

export class RateLimits {
  readonly #metering: Metering | null;
  readonly #clock: Clock;
  readonly #share: ShareUse;

  /** Null: nothing is limited. */
  constructor(rates: Rates | null, clock: Clock, log: Log, share: ShareUse) {
    this.#metering = rates && {
      rates,
      buckets: createSharedBuckets(rates, clock),
      held: new HeldSignals(clock, log),
      clock,
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

  /** Tells other nodes what was used here, and takes what was used there. */
  async reconcile(): Promise<void> {
    const untold = this.#metering?.buckets.shared.flatMap((rate) => rate.untold()) ?? [];
    if (untold.length === 0) return;
    const elsewhere = await this.#share(untold.map(({ use }) => use));
    for (const [index, { bucket }] of untold.entries())
      bucket.takeElsewhere(elsewhere[index] ?? 0, this.#clock.elapsed());
  }

  /** Counts what rules made of a message like messages of its tenant, or of the service that sent it. */
  copied(viewer: Viewer, count: number): void {
    if (!this.#metering) return;
    const { services, tenants } = this.#metering.buckets;
    const payer = isService(viewer)
      ? services.bucketOf(viewer.tenant, viewer.userId)
      : tenants.bucketOf(viewer.tenant, null);
    // Not out of what the node carries: one tenant's rules would leave others nothing of it.
    payer.take(count);
  }

  /** For requests, which have no connection to be counted by; null: without a token. */
  ofRequest(viewer: Viewer | null): Meter {
    if (!this.#metering) return UNMETERED;
    return viewer ? new CallerMeter(this.#metering, () => viewer, null) : meterOfNobody(this.#metering);
  }

  /** For one connection, whoever `viewer` says it is then; `onFlood` is called when it goes on and on over its limits. */
  ofConnection(viewer: () => Viewer, onFlood: () => void): Meter {
    if (!this.#metering) return UNMETERED;
    const own = new ConnectionBuckets(this.#metering.rates, this.#clock.elapsed(), onFlood);
    return new CallerMeter(this.#metering, viewer, own);
  }

  /** For a socket of a gateway: what its client does is counted by user, however many sockets it does it on. */
  ofGateway(viewer: () => Viewer): Meter {
    return this.#metering ? new GatewayMeter(this.#metering, viewer) : UNMETERED;
  }

  /** Applies what is still held back. */
  async close(): Promise<void> {
    await this.#metering?.held.close();
  }

  /** A service opens at its own rate whatever users open at theirs. */
  #open(viewer: Viewer, bucketOfUser: (buckets: SharedBuckets) => TokenBucket): void {
    if (!this.#metering) return;
    const { buckets, clock } = this.#metering;
    const bucket = isService(viewer) ? buckets.services.bucketOf(viewer.tenant, viewer.userId) : bucketOfUser(buckets);
    const wait = takeAll([bucket], clock.elapsed());
    if (wait > 0) throw refusal(wait);
  }
}
