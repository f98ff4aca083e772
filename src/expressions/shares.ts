/**
 * The running time that each tenant has used, and the tenants who overran lately.
 *
 * Real time, since the share limits CPU use, which an injected clock does not move.
 */
import { LRUCache } from 'lru-cache';
import { LIMITS, TIMES } from '../limits.ts';
import type { TenantId } from '../model.ts';

interface Share {
  /** Milliseconds of running, below zero after a long one. */
  left: number;
  at: number;
  suspectUntil: number;
}

const FULL = LIMITS.expressionBurstMs;

export class Shares {
  readonly #shares = new LRUCache<TenantId, Share>({ max: LIMITS.knownTenants });

  /** How long until the tenant has more than `least` of its time; 0: it has. */
  waitMs(tenant: TenantId, least = 0): number {
    const share = this.#shares.get(tenant);
    if (!share) return 0;
    const missing = least - this.#leftOf(share);
    return missing < 0 ? 0 : ((missing + 1) * 1_000) / LIMITS.expressionMsPerSecond;
  }

  charge(tenant: TenantId, ranMs: number): void {
    const share = this.#of(tenant);
    share.left = this.#leftOf(share) - ranMs;
    share.at = performance.now();
  }

  suspect(tenant: TenantId): void {
    this.#of(tenant).suspectUntil = performance.now() + TIMES.suspectTenantMs;
  }

  isSuspect(tenant: TenantId): boolean {
    return (this.#shares.get(tenant)?.suspectUntil ?? 0) > performance.now();
  }

  #leftOf({ left, at }: Share): number {
    return Math.min(FULL, left + ((performance.now() - at) * LIMITS.expressionMsPerSecond) / 1_000);
  }

  #of(tenant: TenantId): Share {
    const share = this.#shares.get(tenant) ?? { left: FULL, at: performance.now(), suspectUntil: 0 };
    this.#shares.set(tenant, share);
    return share;
  }
}
