/** Pulls that wait for events. One timer per node serves all of them. */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { TenantId } from '../model.ts';

interface Waiting {
  readonly tenant: TenantId;
  /** The value of `readArrivals` at the last check. */
  readonly arrivals: string;
  readonly dueAt: number;
  readonly isOver: () => boolean;
  readonly wake: () => void;
}

export type ReadArrivals = Engine['readArrivals'];

export class EventWaits {
  readonly #readArrivals: ReadArrivals;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  readonly #ofTenant = new Map<TenantId, number>();
  #stop: (() => void) | null = null;
  #isLooking = false;

  constructor(readArrivals: ReadArrivals, clock: Clock) {
    this.#readArrivals = readArrivals;
    this.#clock = clock;
  }

  /** Whether one more pull of this tenant may wait. */
  hasRoom(tenant: TenantId): boolean {
    if (this.#waiting.size >= LIMITS.waitingPulls) return false;
    return (this.#ofTenant.get(tenant) ?? 0) < LIMITS.waitingPullsPerTenant;
  }

  /** Resolves when an event arrived for a tenant, after `ms`, or when the caller is gone. */
  async wait(tenant: TenantId, arrivals: string, ms: number, isOver: () => boolean): Promise<void> {
    this.#count(tenant, 1);
    await new Promise<void>((wake) => {
      this.#waiting.add({ tenant, arrivals, dueAt: this.#clock.elapsed() + ms, isOver, wake });
      this.#stop ??= this.#clock.every(TIMES.eventTurnMs, () => void this.#look());
    });
  }

  #count(tenant: TenantId, change: 1 | -1): void {
    const count = (this.#ofTenant.get(tenant) ?? 0) + change;
    if (count === 0) this.#ofTenant.delete(tenant);
    else this.#ofTenant.set(tenant, count);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const waiting = [...this.#waiting];
    const tenants = [...new Set(waiting.map(({ tenant }) => tenant))];
    const found = new Map(
      await Promise.all(
        tenants.map(async (tenant) => [tenant, await this.#readArrivals(tenant).catch(() => null)] as const),
      ),
    );
    const now = this.#clock.elapsed();
    for (const each of waiting) {
      const arrivals = found.get(each.tenant) ?? null;
      const isNews = arrivals !== null && arrivals !== each.arrivals;
      if (!isNews && now < each.dueAt && !each.isOver()) continue;
      this.#waiting.delete(each);
      this.#count(each.tenant, -1);
      each.wake();
    }
    if (this.#waiting.size === 0) this.#stop?.();
    if (this.#waiting.size === 0) this.#stop = null;
    this.#isLooking = false;
  }
}
