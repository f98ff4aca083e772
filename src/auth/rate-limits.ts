/**
 * How often a caller may do what costs: token buckets, decided on this node
 * without a timer, a promise or a round trip.
 *
 * A bucket fills by the time that has passed, so that one nobody uses costs
 * nothing. Every second the nodes tell each other what users used who used much,
 * and each takes from its buckets what was used elsewhere: a user is held to one
 * rate in all, and can be over it by what the other nodes let through in a second
 * (and by a tenth of the rate on each, which is not told). While the engine is
 * away each node goes by itself.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Meter, Metered, TenantId, UserId, Viewer } from '../model.ts';

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

/** Of its capacity: as many nodes may have let a user through at once. */
const MOST_OWED = 10;

export class TokenBucket {
  /** Tokens taken here since that was last told. */
  used = 0;
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
    this.used += 1;
  }

  /** Takes what was used elsewhere. What a bucket owes is capped: nobody waits for ever. */
  takeElsewhere(count: number, now: number): void {
    this.wait(now);
    this.#tokens = Math.max(this.#tokens - count, -this.#capacity * MOST_OWED);
  }
}

/** Takes one from each, or from none. */
function takeAll(buckets: readonly TokenBucket[], now: number): void {
  const wait = Math.max(...buckets.map((bucket) => bucket.wait(now)));
  if (wait > 0) throw new ServiceError('RATE_LIMITED', 'Too often.', { retryAfterMs: wait });
  for (const bucket of buckets) bucket.take();
}

const MINUTE_S = 60;

/** What a user used on this node. */
export interface Use {
  readonly kind: 'message' | 'connection';
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly count: number;
}

/** Tells other nodes; answers for each how much they told of since. */
export type ShareUse = (uses: readonly Use[]) => Promise<readonly number[]>;

/** Of a rate a second; less is not worth telling. */
const TOLD_PART = 0.1;

export class RateLimits {
  readonly #rates: Rates | null;
  readonly #clock: Clock;
  /** Forgetting a bucket fills it: who was not seen for so long has a full one anyway. */
  readonly #connections = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredUsers });
  readonly #users = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredUsers });
  readonly #tenants = new LRUCache<string, TokenBucket>({ max: LIMITS.meteredTenants });
  readonly #node: TokenBucket | null;

  readonly #share: ShareUse;

  /** Null: nothing is limited. */
  constructor(rates: Rates | null, clock: Clock, share: ShareUse) {
    this.#share = share;
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

  /** Tells other nodes what was used here, and takes what was used there. */
  async reconcile(): Promise<void> {
    if (!this.#rates) return;
    const least = this.#rates.messagesPerUser * TOLD_PART;
    const told = [
      ...[...this.#users].flatMap(([key, bucket]) =>
        bucket.used >= least ? [{ kind: 'message', key, bucket } as const] : [],
      ),
      ...[...this.#connections].flatMap(([key, bucket]) =>
        bucket.used > 0 ? [{ kind: 'connection', key, bucket } as const] : [],
      ),
    ];
    if (told.length === 0) return;
    const uses = told.map(({ kind, key, bucket }): Use => {
      const [tenant, userId] = JSON.parse(key) as [TenantId, UserId];
      const { used: count } = bucket;
      bucket.used = 0;
      return { kind, tenant, userId, count };
    });
    const elsewhere = await this.#share(uses);
    for (const [index, { bucket }] of told.entries()) bucket.takeElsewhere(elsewhere[index] ?? 0, this.#clock.now());
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
