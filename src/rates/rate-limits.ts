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
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Meter, Metered, RateUse, Viewer } from '../model.ts';
import { SharedRate } from './shared-rate.ts';
import { TokenBucket } from './token-bucket.ts';

/** Per second, except connections; admissions are the process's, of sockets and streams whoever opens them. */
export interface Rates {
  readonly admissionsPerNode: number;
  readonly connectionsPerUserAndMinute: number;
  readonly messagesPerConnection: number;
  readonly messagesPerUser: number;
  readonly messagesPerTenant: number;
  readonly messagesPerNode: number;
  readonly subscriptionsPerConnection: number;
  readonly signalsPerConnection: number;
}

/** Tells other nodes; answers for each how much they told of since. */
export type ShareUse = (uses: readonly RateUse[]) => Promise<readonly number[]>;

/** Takes one from each, or from none. */
function takeAll(buckets: readonly TokenBucket[], now: number): void {
  const wait = Math.max(...buckets.map((bucket) => bucket.wait(now)));
  if (wait > 0) throw new ServiceError('RATE_LIMITED', 'Too often.', { retryAfterMs: wait });
  for (const bucket of buckets) bucket.take();
}

const MINUTE_S = 60;

/** Of a rate a second; less is not worth telling. */
const TOLD_PART = 0.1;

/** The buckets that outlive a connection. */
interface Buckets {
  readonly rates: Rates;
  readonly connections: SharedRate;
  readonly users: SharedRate;
  readonly tenants: SharedRate;
  /** By user; of this node alone, as those of sockets are of one socket alone. */
  readonly streams: LRUCache<string, TokenBucket>;
  /** What this process can carry: more nodes carry more, so it is not shared. */
  readonly node: TokenBucket;
}

function createBuckets(rates: Rates, clock: Clock): Buckets {
  const { connectionsPerUserAndMinute: connections, messagesPerNode } = rates;
  const messages = (name: 'user-messages' | 'tenant-messages', rate: number, most: number): SharedRate =>
    new SharedRate({ name, capacity: rate, perSecond: rate, leastTold: rate * TOLD_PART, most }, clock);
  return {
    rates,
    connections: new SharedRate(
      {
        name: 'user-connections',
        capacity: connections,
        perSecond: connections / MINUTE_S,
        leastTold: 1,
        most: LIMITS.meteredUsers,
      },
      clock,
    ),
    users: messages('user-messages', rates.messagesPerUser, LIMITS.meteredUsers),
    tenants: messages('tenant-messages', rates.messagesPerTenant, LIMITS.meteredTenants),
    streams: new LRUCache({ max: LIMITS.meteredUsers }),
    node: new TokenBucket(messagesPerNode, messagesPerNode, clock.elapsed()),
  };
}

export class RateLimits {
  readonly #buckets: Buckets | null;
  readonly #clock: Clock;
  readonly #share: ShareUse;

  /** Null: nothing is limited. */
  constructor(rates: Rates | null, clock: Clock, share: ShareUse) {
    this.#buckets = rates && createBuckets(rates, clock);
    this.#clock = clock;
    this.#share = share;
  }

  /** Counts a connection of this user. @throws {ServiceError} RATE_LIMITED. */
  connect({ tenant, userId }: Viewer): void {
    if (!this.#buckets) return;
    takeAll([this.#buckets.connections.bucketOf(tenant, userId)], this.#clock.elapsed());
  }

  /** Counts a stream over HTTP: a user opens them as fast as subscriptions on a socket. @throws {ServiceError} RATE_LIMITED. */
  openStream({ tenant, userId }: Viewer): void {
    if (!this.#buckets) return;
    const { rates, streams } = this.#buckets;
    const key = JSON.stringify([tenant, userId]);
    const now = this.#clock.elapsed();
    const bucket = streams.get(key) ?? connectionBucket('subscription', rates, now);
    streams.set(key, bucket);
    takeAll([bucket], now);
  }

  /** Tells other nodes what was used here, and takes what was used there. */
  async reconcile(): Promise<void> {
    if (!this.#buckets) return;
    const { connections, users, tenants } = this.#buckets;
    const untold = [connections, users, tenants].flatMap((rate) => rate.untold());
    if (untold.length === 0) return;
    const elsewhere = await this.#share(untold.map(({ use }) => use));
    for (const [index, { bucket }] of untold.entries())
      bucket.takeElsewhere(elsewhere[index] ?? 0, this.#clock.elapsed());
  }

  /** For requests, which have no connection to be counted by. */
  ofRequest(viewer: Viewer): Meter {
    const buckets = this.#buckets;
    return (what) => {
      if (what === 'message' && buckets) takeAll(beyondConnection(buckets, viewer), this.#clock.elapsed());
    };
  }

  /** For one connection; `onFlood` is called when it goes on and on over its limits. */
  ofConnection(viewer: Viewer, onFlood: () => void): Meter {
    const buckets = this.#buckets;
    if (!buckets) return () => undefined;
    const own: Partial<Record<Metered | 'refusal', TokenBucket>> = {};
    return (what) => {
      const now = this.#clock.elapsed();
      own[what] ??= connectionBucket(what, buckets.rates, now);
      const counted = what === 'message' ? [own[what], ...beyondConnection(buckets, viewer)] : [own[what]];
      try {
        takeAll(counted, now);
      } catch (error) {
        own.refusal ??= new TokenBucket(LIMITS.refusalsPerConnection, 1, now);
        if (own.refusal.wait(now) > 0) onFlood();
        else own.refusal.take();
        throw error;
      }
    };
  }
}

/** What a message counts against, whichever connection it came by. */
function beyondConnection({ users, tenants, node }: Buckets, { tenant, userId }: Viewer): TokenBucket[] {
  return [users.bucketOf(tenant, userId), tenants.bucketOf(tenant, null), node];
}

function connectionBucket(what: Metered, rates: Rates, now: number): TokenBucket {
  switch (what) {
    case 'message':
      return new TokenBucket(rates.messagesPerConnection, rates.messagesPerConnection, now);
    case 'subscription':
      // Who comes back opens all that it had at once.
      return new TokenBucket(
        Math.max(LIMITS.subscriptionsPerSocket, rates.subscriptionsPerConnection),
        rates.subscriptionsPerConnection,
        now,
      );
    case 'signal':
      return new TokenBucket(rates.signalsPerConnection, rates.signalsPerConnection, now);
  }
}
