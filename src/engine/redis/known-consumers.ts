/**
 * Caches whether tenants have consumers.
 *
 * "None" is a lease: it is cached for a limited time and noted beside the consumers, and saving the first consumer
 * waits until every such lease is over. For a tenant in use the lease is renewed early, so no operation waits for the
 * answer.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { TenantId } from '../../model.ts';
import { nonce } from './attempt.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

/** Shorter than the noted lease, since the clocks of node and server run at different speeds. */
const TRUSTED_MS = 0.9 * TIMES.consumersKnownMs;

interface Known {
  readonly has: boolean;
  /** By the clock's `elapsed`, when it was asked. */
  readonly askedAt: number;
}

export class KnownConsumers {
  readonly node = nonce();
  readonly #run: RunScript;
  readonly #keys: Keys;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #known = new Map<TenantId, Known>();
  readonly #asking = new Map<TenantId, Promise<boolean>>();

  constructor(run: RunScript, keys: Keys, clock: Clock) {
    this.#run = run;
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Synchronous when cached. True when unknown. */
  has(tenant: TenantId): boolean | Promise<boolean> {
    const known = this.#known.get(tenant);
    const age = known ? this.#clock.elapsed() - known.askedAt : Number.POSITIVE_INFINITY;
    if (!known || (age >= TRUSTED_MS && !known.has)) return this.#ask(tenant);
    if (age >= TIMES.consumersKnownMs / 2) void this.#ask(tenant);
    return known.has;
  }

  /** Records that this node saved a consumer. */
  learn(tenant: TenantId): void {
    this.#cache(tenant, { has: true, askedAt: this.#clock.elapsed() });
  }

  #ask(tenant: TenantId): Promise<boolean> {
    const asked = this.#asking.get(tenant) ?? this.#askNow(tenant);
    this.#asking.set(tenant, asked);
    return asked;
  }

  async #askNow(tenant: TenantId): Promise<boolean> {
    const askedAt = this.#clock.elapsed();
    const { consumers, unaware } = this.#keys.consumers(tenant);
    try {
      const has = (await this.#run('know-consumers', [consumers, unaware], [this.node, TIMES.consumersKnownMs])) === 1;
      const learned = this.#known.get(tenant);
      // An answer to an earlier question does not overwrite a consumer saved here meanwhile.
      if (has || !learned?.has || learned.askedAt <= askedAt) this.#cache(tenant, { has, askedAt });
      return this.#known.get(tenant)?.has ?? has;
    } catch {
      return true;
    } finally {
      this.#asking.delete(tenant);
    }
  }

  #cache(tenant: TenantId, known: Known): void {
    this.#known.delete(tenant);
    this.#known.set(tenant, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > LIMITS.consumingTenants && oldest !== undefined) this.#known.delete(oldest);
  }
}
