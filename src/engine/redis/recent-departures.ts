/** Connections that this node removed recently. A server that lost its last writes may show them again. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConnectionId, TenantId, UserId } from '../../model.ts';
import { Undivided } from './undivided.ts';

/** A connection as its node lists it. */
export type NodeConnection = readonly [tenant: TenantId, userId: UserId, connectionId: ConnectionId];

export class RecentDepartures {
  readonly #clock: Clock;
  readonly #undivided: Undivided;
  /** Oldest first. */
  readonly #departed = new Map<ConnectionId, { readonly at: NodeConnection; readonly since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#undivided = new Undivided(clock, TIMES.departureMs);
  }

  remember(at: NodeConnection): void {
    this.#departed.delete(at[2]);
    this.#departed.set(at[2], { at, since: this.#clock.elapsed() });
    this.#forget();
  }

  /** No server shows a removed connection: all data agree up to now. */
  areTogether(): void {
    this.#undivided.isNow();
    this.#forget();
  }

  all(): readonly NodeConnection[] {
    return [...this.#departed.values()].map(({ at }) => at);
  }

  #forget(): void {
    const { before } = this.#undivided;
    for (const [id, { since }] of this.#departed) {
      if (since > before && this.#departed.size <= LIMITS.rememberedDepartures) return;
      this.#departed.delete(id);
    }
  }
}
