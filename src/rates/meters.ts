/** The meter of one caller, the same on every transport. */
import type { Clock } from '../clock.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Change, isService, type Meter, type Signal, type Viewer } from '../model.ts';
import type { DeferredSignals } from './deferred-signals.ts';
import type { Rates } from './rates.ts';
import { type SharedBuckets, subscriptionBucket } from './shared-buckets.ts';
import { TokenBucket, takeAll, waitForAll } from './token-bucket.ts';

/** Counts nothing, for services without limits. */
export const UNMETERED: Meter = {
  count: () => undefined,
  unname: () => undefined,
  signal: (signal) => signal.apply(),
  subscribe: () => undefined,
  read: () => undefined,
  adjust: () => undefined,
  spend: () => undefined,
  overrun: () => undefined,
  payForEvent: () => undefined,
  of: () => UNMETERED,
};

/** Whether the token of a viewer was revoked. */
export type IsRevoked = (viewer: Viewer) => Promise<boolean>;

/** The parts that all meters of a node share. */
export interface Metering {
  readonly rates: Rates;
  readonly buckets: SharedBuckets;
  readonly deferred: DeferredSignals;
  readonly clock: Clock;
  readonly isRevoked: IsRevoked;
}

/** A call that names more users than allowed is refused as bad input and counts no names. */
const peopleOf = (named: number): number => (named > LIMITS.usersPerCall ? 0 : named);

export function rateRefusal(retryAfterMs: number): ServiceError {
  return new ServiceError('RATE_LIMITED', 'Rate limit exceeded; retry after retryAfterMs.', { retryAfterMs });
}

function streamTooCostly(): ServiceError {
  return new ServiceError(
    'QUERY_TOO_COSTLY',
    'The events of this stream cost more than its user may read each second.',
  );
}

/** The part of a meter that ends with a connection. */
export class ConnectionBuckets {
  readonly message: TokenBucket;
  readonly signal: TokenBucket;
  readonly subscription: TokenBucket;
  readonly #refusals: TokenBucket;
  readonly #onFlood: () => void;

  /** `onFlood` is called when the connection keeps exceeding its limits. */
  constructor(rates: Rates, now: number, onFlood: () => void) {
    this.message = new TokenBucket(rates.messagesPerConnection, rates.messagesPerConnection, now);
    this.signal = new TokenBucket(rates.signalsPerConnection, rates.signalsPerConnection, now);
    this.subscription = subscriptionBucket(rates, now);
    this.#refusals = new TokenBucket(LIMITS.refusalsPerConnection, 1, now);
    this.#onFlood = onFlood;
  }

  /** Counts a refusal, which costs the service something, too. */
  refused(now: number): void {
    if (takeAll([this.#refusals], now) > 0) this.#onFlood();
  }
}

/** For a caller without a token. Nothing is counted before the caller is known. */
export function unauthenticatedMeter(metering: Metering): Meter {
  return { ...UNMETERED, of: (viewer) => new CallerMeter(metering, () => viewer, null) };
}

/** For a user or a back end. A back end has one rate for all its changes, separate from the tenant's users. */
export class CallerMeter implements Meter {
  readonly #metering: Metering;
  readonly #viewer: () => Viewer;
  readonly #connection: ConnectionBuckets | null;

  /** `viewer` returns the current viewer: the token of a connection may be replaced. */
  constructor(metering: Metering, viewer: () => Viewer, connection: ConnectionBuckets | null) {
    this.#metering = metering;
    this.#viewer = viewer;
    this.#connection = connection;
  }

  count(change: Exclude<Change, 'signal'>, named = 0): void {
    const viewer = this.#viewer();
    const now = this.#metering.clock.elapsed();
    const buckets = this.#bucketsOf(change, viewer);
    const isNaming = named > 0 && !isService(viewer);
    const wait = isNaming ? this.#takeNaming(buckets, named, viewer, now) : takeAll(buckets, now);
    if (wait > 0) this.#refuse(wait, now);
  }

  unname(named: number): void {
    const viewer = this.#viewer();
    const people = peopleOf(named);
    if (people > 0 && !isService(viewer)) this.#namedBy(viewer).take(-people);
  }

  async signal<Answer>(signal: Signal<Answer>): Promise<Answer> {
    const { deferred, clock } = this.#metering;
    const viewer = this.#viewer();
    const user = JSON.stringify([viewer.tenant, viewer.userId]);
    const buckets = this.#bucketsOf('signal', viewer);
    if (!deferred.has(user) && takeAll(buckets, clock.elapsed()) === 0) return signal.apply();
    const takeBack = signal.late === 'let-go' ? null : deferred.defer(user, this.#whileValid(signal), buckets);
    try {
      return await signal.asIfApplied();
    } catch (error) {
      takeBack?.();
      throw error;
    }
  }

  /** A waiting signal is applied with the rights of the current token, which may be revoked meanwhile. */
  #whileValid<Answer>(signal: Signal<Answer>): Signal<Answer> {
    const { isRevoked } = this.#metering;
    return {
      ...signal,
      apply: async () => {
        if (await isRevoked(this.#viewer())) throw new ServiceError('UNAUTHENTICATED', 'The token was revoked.');
        return signal.apply();
      },
    };
  }

  subscribe(): void {
    const { clock, buckets } = this.#metering;
    const now = clock.elapsed();
    const viewer = this.#viewer();
    const bucket = isService(viewer) ? buckets.services.bucketOf(viewer.tenant, viewer.userId) : this.subscriptions;
    const wait = bucket ? takeAll([bucket], now) : 0;
    if (wait > 0) this.#refuse(wait, now);
  }

  /** The bucket of a user's subscriptions; null: they are not counted. */
  protected get subscriptions(): TokenBucket | null {
    return this.#connection?.subscription ?? null;
  }

  read(units: number): void {
    const now = this.#metering.clock.elapsed();
    const bucket = this.#reads();
    const wait = bucket.wait(now, units);
    if (wait > 0) this.#refuse(wait, now);
    bucket.take(units);
  }

  adjust(units: number): void {
    this.#reads().take(units);
  }

  spend(units: number): void {
    const now = this.#metering.clock.elapsed();
    const bucket = this.#reads();
    if (units > 0 && bucket.wait(now, units) > 0) this.#countRefusal(now);
    else bucket.take(units);
  }

  overrun(): void {
    this.#countRefusal(this.#metering.clock.elapsed());
  }

  payForEvent(units: number): void {
    const bucket = this.#reads();
    if (bucket.wait(this.#metering.clock.elapsed(), units) > 0) throw streamTooCostly();
    bucket.take(units);
  }

  #reads(): TokenBucket {
    const { tenant, userId } = this.#viewer();
    return this.#metering.buckets.reads.bucketOf(tenant, userId);
  }

  of(viewer: Viewer): Meter {
    const { tenant, userId } = this.#viewer();
    // Counted already, as this caller's own act.
    if (viewer.tenant === tenant && viewer.userId === userId) return UNMETERED;
    return new CallerMeter(this.#metering, () => viewer, null);
  }

  #refuse(wait: number, now: number): never {
    this.#countRefusal(now);
    throw rateRefusal(wait);
  }

  #countRefusal(now: number): void {
    // A back end also sends for users, so its connection is never closed.
    if (!isService(this.#viewer())) this.#connection?.refused(now);
  }

  #bucketsOf(change: Change, viewer: Viewer): readonly TokenBucket[] {
    const { users, services, tenants, node } = this.#metering.buckets;
    const { tenant, userId } = viewer;
    const isMessage = change === 'message';
    if (isService(viewer)) {
      const service = services.bucketOf(tenant, userId);
      return isMessage ? [service, node] : [service];
    }
    const user = users[change].bucketOf(tenant, userId);
    const connection = this.#connection;
    if (isMessage) {
      const all = tenants.bucketOf(tenant, null);
      return connection ? [connection.message, user, all, node] : [user, all, node];
    }
    return connection && change === 'signal' ? [connection.signal, user] : [user];
  }

  /** Takes one token from each bucket, and one more for each named user, or nothing. Returns how long to wait. */
  #takeNaming(buckets: readonly TokenBucket[], count: number, viewer: Viewer, now: number): number {
    const named = this.#namedBy(viewer);
    const people = peopleOf(count);
    const wait = Math.max(named.wait(now, people), waitForAll(buckets, now));
    if (wait > 0) return wait;
    takeAll(buckets, now);
    named.take(people);
    return 0;
  }

  #namedBy({ tenant, userId }: Viewer): TokenBucket {
    return this.#metering.buckets.named.bucketOf(tenant, userId);
  }
}

/** For a user behind a gateway. */
export class GatewayMeter extends CallerMeter {
  readonly #buckets: SharedBuckets;
  readonly #viewer: () => Viewer;

  constructor(metering: Metering, viewer: () => Viewer) {
    super(metering, viewer, null);
    this.#buckets = metering.buckets;
    this.#viewer = viewer;
  }

  protected override get subscriptions(): TokenBucket {
    return this.#buckets.gatewayStreams.of(this.#viewer());
  }
}
