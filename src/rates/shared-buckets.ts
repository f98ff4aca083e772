/**
 * The buckets that outlive a connection: those of users, back ends and tenants, shared by all nodes, and those of this
 * node.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { LIMITS } from '../limits.ts';
import type { Change, RateName, Viewer } from '../model.ts';
import { CHANGES } from './classes.ts';
import type { Rates } from './rates.ts';
import { SharedRate } from './shared-rate.ts';
import { TokenBucket } from './token-bucket.ts';

const MINUTE_S = 60;

/** Use below this share of a bucket's capacity is not reported to other nodes. */
const REPORTED_PART = 0.1;

/** The least use by one user that is reported, since people type more often than nodes should report. */
const LEAST_REPORTED = 5;

export interface SharedBuckets {
  readonly users: { readonly [Name in Change]: SharedRate };
  readonly named: SharedRate;
  readonly connections: SharedRate;
  readonly services: SharedRate;
  /** The buckets of the units that reads cost. */
  readonly reads: SharedRate;
  readonly tenants: SharedRate;
  /** All of the above. */
  readonly shared: readonly SharedRate[];
  /** Streams over HTTP, per user, on this node only, like the buckets of sockets. */
  readonly streams: UserBuckets;
  /** The buckets of subscriptions through gateways. */
  readonly gatewayStreams: UserBuckets;
  /** The capacity of this process. It is not shared, since more nodes have more capacity. */
  readonly node: TokenBucket;
}

/** A bucket per user, for the most recent users. */
export class UserBuckets {
  /** Created with the first bucket, like those of `SharedRate`. */
  #known: LRUCache<string, TokenBucket> | null = null;
  readonly #create: () => TokenBucket;

  constructor(create: () => TokenBucket) {
    this.#create = create;
  }

  of({ tenant, userId }: Viewer): TokenBucket {
    const key = JSON.stringify([tenant, userId]);
    this.#known ??= new LRUCache({ max: LIMITS.meteredUsers });
    const bucket = this.#known.get(key) ?? this.#create();
    this.#known.set(key, bucket);
    return bucket;
  }
}

/**
 * A full bucket admits all subscriptions of a socket, since a reconnecting client opens them at once. `sockets`
 * multiplies it.
 */
export function subscriptionBucket({ subscriptionsPerConnection: rate }: Rates, now: number, sockets = 1): TokenBucket {
  return new TokenBucket(Math.max(LIMITS.subscriptionsPerSocket, rate) * sockets, rate * sockets, now);
}

export function createSharedBuckets(rates: Rates, clock: Clock): SharedBuckets {
  const share = (
    name: RateName,
    perSecond: number,
    capacity: number,
    leastReported: number,
    most: number,
  ): SharedRate => new SharedRate({ name, capacity, perSecond, leastReported, most }, clock);

  const ofUsers = (change: Change): SharedRate => {
    const { name, seconds } = CHANGES[change];
    const rate = rates.changesPerUser[change];
    const leastReported = Math.max(rate * REPORTED_PART, seconds === 1 ? Math.min(LEAST_REPORTED, rate / 2) : 1);
    return share(name, rate / seconds, rate, leastReported, LIMITS.meteredUsers);
  };
  const users = Object.fromEntries(
    (Object.keys(CHANGES) as Change[]).map((change) => [change, ofUsers(change)]),
  ) as SharedBuckets['users'];

  const { namedPerMinute, namedAtOnce, connectionsPerUserAndMinute, changesPerService, messagesPerTenant } = rates;
  const { meteredUsers, meteredTenants } = LIMITS;
  const named = share('user-named', namedPerMinute / MINUTE_S, namedAtOnce, namedAtOnce * REPORTED_PART, meteredUsers);
  const connections = share(
    'user-connections',
    connectionsPerUserAndMinute / MINUTE_S,
    connectionsPerUserAndMinute,
    1,
    meteredUsers,
  );
  const whole = (name: RateName, rate: number, most: number): SharedRate =>
    share(name, rate, rate, rate * REPORTED_PART, most);
  const services = whole('service-changes', changesPerService, meteredUsers);
  const reads = whole('user-reads', rates.readsPerUser, meteredUsers);
  const tenants = whole('tenant-messages', messagesPerTenant, meteredTenants);
  return {
    users,
    named,
    connections,
    services,
    reads,
    tenants,
    shared: [...Object.values(users), named, connections, services, reads, tenants],
    streams: new UserBuckets(() => subscriptionBucket(rates, clock.elapsed())),
    gatewayStreams: new UserBuckets(() => subscriptionBucket(rates, clock.elapsed(), rates.connectionsPerUser)),
    node: new TokenBucket(rates.messagesPerNode, rates.messagesPerNode, clock.elapsed()),
  };
}
