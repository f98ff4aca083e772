/** One rate to which all nodes together hold each user or tenant: their buckets on this node. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { RateName, RateUse, TenantId, UserId } from '../model.ts';
import { TokenBucket } from './token-bucket.ts';

export interface SharedRateOptions {
  readonly name: RateName;
  readonly capacity: number;
  readonly perSecond: number;
  /** Less than this is not worth telling other nodes of. */
  readonly leastTold: number;
  /** Buckets kept, of those seen last. Forgetting one fills it: who was not seen for so long has a full one anyway. */
  readonly most: number;
}

/** A bucket that knows what was taken from it since other nodes were told. */
export class SharedBucket extends TokenBucket {
  readonly tenant: TenantId;
  readonly userId: UserId | null;
  untold = 0;

  constructor(tenant: TenantId, userId: UserId | null, { capacity, perSecond }: SharedRateOptions, now: number) {
    super(capacity, perSecond, now);
    this.tenant = tenant;
    this.userId = userId;
  }

  override take(count = 1): void {
    super.take(count);
    this.untold += count;
  }
}

export class SharedRate {
  readonly #options: SharedRateOptions;
  readonly #clock: Clock;
  /** Made with the first of them: it sets aside room for `most` at once, which a service with fifteen rates notices. */
  #buckets: LRUCache<string, SharedBucket> | null = null;
  /** Those asked for since what they owed was told: the others need not be looked at every second. */
  readonly #asked = new Set<SharedBucket>();

  constructor(options: SharedRateOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Of a user, or of their tenant. */
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

  /** What other nodes are to be told of now, with the bucket that what they used comes out of. */
  untold(): { readonly use: RateUse; readonly bucket: SharedBucket }[] {
    const { name, leastTold } = this.#options;
    return [...this.#asked]
      .filter((bucket) => bucket.untold >= leastTold)
      .map((bucket) => {
        const { tenant, userId, untold: count } = bucket;
        bucket.untold = 0;
        this.#asked.delete(bucket);
        return { use: { rate: name, tenant, userId, count }, bucket };
      });
  }
}
