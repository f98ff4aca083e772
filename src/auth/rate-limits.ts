/**
 * How often a caller may do what costs: token buckets, decided on this node
 * without a timer, a promise or a round trip.
 *
 * A bucket fills by the time that has passed, so that one nobody uses costs
 * nothing. Nodes do not ask each other: a user connected to several of them has
 * a user's rate on each.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Meter, Metered, Viewer } from '../model.ts';

/** Per second, except connections. */
export interface Rates {
  readonly connectionsPerUserAndMinute: number;
  readonly messagesPerConnection: number;
  readonly messagesPerUser: number;
  readonly messagesPerTenant: number;
  readonly messagesPerNode: number;
  readonly subscriptionsPerConnection: number;
  readonly signalsPerConnection: number;
}

export class TokenBucket {
  readonly #capacity: number;
  readonly #perMs: number;
  #tokens: number;
  #filledAt: number;

  constructor(capacity: number, perSecond: number, now: number) {
    this.#capacity = capacity;
    this.#perMs = perSecond / 1_000;
    this.#tokens = capacity;
    this.#filledAt = now;
  }

  /** Milliseconds until there is a token; 0: there is one. */
  wait(now: number): number {
    const since = Math.max(now - this.#filledAt, 0);
    this.#tokens = Math.min(this.#capacity, this.#tokens + since * this.#perMs);
    this.#filledAt = now;
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs);
  }

  /** Takes the token that `wait` found. */
  take(): void {
    this.#tokens -= 1;
  }
}

/** Takes one from each, or from none. */
function takeAll(buckets: readonly TokenBucket[], now: number): void {
  const wait = Math.max(...buckets.map((bucket) => bucket.wait(now)));
  if (wait > 0) throw new ServiceError('RATE_LIMITED', 'Too often.', { retryAfterMs: wait });
  for (const bucket of buckets) bucket.take();
}

const MINUTE_S = 60;

export class RateLimits {
  readonly #rates: Rates | null;
  readonly #clock: Clock;
  /** Forgetting a bucket fills it: who was not seen for so long has a full one anyway. */
  readonly #connections = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredUsers });
  readonly #users = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredUsers });
  readonly #tenants = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredTenants });
  readonly #node: TokenBucket | null;

  /** Null: nothing is limited. */
  constructor(rates: Rates | null, clock: Clock) {
    this.#rates = rates;
    this.#clock = clock;
    this.#node = rates ? new TokenBucket(rates.messagesPerNode, rates.messagesPerNode, clock.now()) : null;
  }

  /** Counts a connection of this user. @throws {ServiceError} RATE_LIMITED. */
  connect(viewer: Viewer): void {
    if (!this.#rates) return;
    const { connectionsPerUserAndMinute: rate } = this.#rates;
    takeAll([this.#bucket(this.#connections, userKey(viewer), rate, rate / MINUTE_S)], this.#clock.now());
  }

  /** For requests, which have no connection to be counted by. */
  ofRequest(viewer: Viewer): Meter {
    return (what) => {
      if (what === 'message' && this.#rates) takeAll(this.#shared(viewer, this.#rates), this.#clock.now());
    };
  }

  /** For one connection; `onFlood` is called when it goes on and on over its limits. */
  ofConnection(viewer: Viewer, onFlood: () => void): Meter {
    const rates = this.#rates;
    if (!rates) return () => undefined;
    const own: Partial<Record<Metered | 'refusal', TokenBucket>> = {};
    return (what) => {
      const now = this.#clock.now();
      own[what] ??= connectionBucket(what, rates, now);
      const buckets = what === 'message' ? [own[what], ...this.#shared(viewer, rates)] : [own[what]];
      try {
        takeAll(buckets, now);
      } catch (error) {
        own.refusal ??= new TokenBucket(LIMITS.refusalsPerConnection, 1, now);
        if (own.refusal.wait(now) > 0) onFlood();
        else own.refusal.take();
        throw error;
      }
    };
  }

  #shared(viewer: Viewer, rates: Rates): TokenBucket[] {
    const { messagesPerUser, messagesPerTenant } = rates;
    return [
      this.#bucket(this.#users, userKey(viewer), messagesPerUser, messagesPerUser),
      this.#bucket(this.#tenants, viewer.tenant, messagesPerTenant, messagesPerTenant),
      ...(this.#node ? [this.#node] : []),
    ];
  }

  #bucket(known: LRUCache<string, TokenBucket>, key: string, capacity: number, perSecond: number): TokenBucket {
    const bucket = known.get(key) ?? new TokenBucket(capacity, perSecond, this.#clock.now());
    known.set(key, bucket);
    return bucket;
  }
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

function userKey({ tenant, userId }: Viewer): string {
  return JSON.stringify([tenant, userId]);
}
