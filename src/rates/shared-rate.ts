/** One rate that applies to each user or tenant across all nodes: their buckets on this node. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { RateName, RateUse, TenantId, UserId } from '../model.ts';
import { TokenBucket } from './token-bucket.ts';

export interface SharedRateOptions {
  readonly name: RateName;
  readonly capacity: number;
  readonly perSecond: number;
  /** Use below this is not reported to other nodes. */
  readonly leastReported: number;
  /** Buckets kept, for the most recent users. An evicted bucket starts full again; it would usually have filled up by then. */
  readonly most: number;
}

/** A bucket that knows the use since the last report to other nodes. */
export class SharedBucket extends TokenBucket {
  readonly tenant: TenantId;
  readonly userId: UserId | null;
  unreported = 0;

  constructor(tenant: TenantId, userId: UserId | null, { capacity, perSecond }: SharedRateOptions, now: number) {
    super(capacity, perSecond, now);
    this.tenant = tenant;
    this.userId = userId;
  }

  override take(count = 1): void {
    super.take(count);
    this.unreported += count;
  }
}

export class SharedRate {
  readonly #options: SharedRateOptions;
  readonly #clock: Clock;
  /** Created with the first bucket. It reserves memory for `most` entries, which adds up over all rates. */
  #buckets: LRUCache<string, SharedBucket> | null = null;
  /** Buckets that were used since their last report; only these are checked every second. */
  readonly #asked = new Set<SharedBucket>();

  constructor(options: SharedRateOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** The bucket of a user, or of the tenant when `userId` is null. */
  bucketOf(tenant: TenantId, userId: UserId | null): SharedBucket {
    const key = JSON.stringify([tenant, userId]);
    this.#buckets ??= new LRUCache({ max: this.#options.most, dispose: (dropped) => this.#asked.delete(dropped) });
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      bucket = new SharedBucket(tenant, userId, this.#options, this.#clock.elapsed());
      this.#buckets.set(key, bucket);
    }
    this.#asked.add(bucket);
    return bucket;
  }

  /** The uses to report to other nodes now, each with the bucket from which others' use is taken. */
  untold(): { readonly use: RateUse; readonly bucket: SharedBucket }[] {
    const { name, leastReported } = this.#options;
    return [...this.#asked]
      .filter((bucket) => bucket.unreported >= leastReported)
      .map((bucket) => {
        const { tenant, userId, unreported: count } = bucket;
        bucket.unreported = 0;
        this.#asked.delete(bucket);
        return { use: { rate: name, tenant, userId, count }, bucket };
      });
  }
}
