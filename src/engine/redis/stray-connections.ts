/**
 * Removes connections that are recorded under unknown nodes.
 *
 * A connection is recorded in the list of its node and in its user's presence, which may be on different servers. A
 * server that loses its last writes may lose the list of a node that dies at that moment, and no sweep would find its
 * connections. A node takes its lease before it records anything, so a node without a lease that is not being swept is
 * gone, or continues under another name and records everything again within the time of a lease.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConnectionId, TenantId, UserId } from '../../model.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import { pairsOf } from './pairs.ts';

interface Stray {
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly connectionId: ConnectionId;
  readonly node: string;
  readonly since: number;
}

interface StrayConnectionsParts {
  readonly client: RedisClient;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly outbox: EventOutbox;
}

export class StrayConnections {
  readonly #parts: StrayConnectionsParts;
  /** By connection and node, oldest first. Past the cap the next round finds the rest. */
  readonly #suspects = new Map<string, Stray>();

  constructor(parts: StrayConnectionsParts) {
    this.#parts = parts;
  }

  /** Adds the recorded connections of a user as suspects: id, node, id, node, … */
  suspect(tenant: TenantId, userId: UserId, recorded: readonly string[]): void {
    const since = this.#parts.clock.elapsed();
    for (const [connectionId, node] of pairsOf(recorded) as [ConnectionId, string][]) {
      const key = `${connectionId} ${node}`;
      if (this.#suspects.has(key) || this.#suspects.size >= LIMITS.strayConnections) continue;
      this.#suspects.set(key, { tenant, userId, connectionId, node, since });
    }
  }

  /**
   * Drops suspects whose node is known, which is read after they were suspected, and removes those that have waited long
   * enough.
   */
  async end(): Promise<void> {
    if (this.#suspects.size === 0) return;
    const known = await this.#knownOf([...new Set([...this.#suspects.values()].map(({ node }) => node))]);
    const { clock } = this.#parts;
    for (const [key, stray] of this.#suspects) {
      const isOld = clock.elapsed() - stray.since >= TIMES.nodeLeaseMs;
      if (known.has(stray.node) || isOld) this.#suspects.delete(key);
      if (!known.has(stray.node) && isOld) await this.#remove(stray);
    }
  }

  async #knownOf(nodes: readonly string[]): Promise<ReadonlySet<string>> {
    const { client, keys } = this.#parts;
    const [leases, dead] = await attempt(() =>
      Promise.all([client.zmscore(keys.leases, ...nodes), client.smismember(keys.dead, ...nodes)]),
    );
    return new Set(nodes.filter((_node, index) => leases[index] != null || dead[index] === 1));
  }

  /** Removes a connection only if that node still holds it. */
  async #remove({ tenant, userId, connectionId, node }: Stray): Promise<void> {
    const { keys, clock, outbox } = this.#parts;
    const { presence, presenceChannel } = keys.user(tenant, userId);
    const args = [clock.offset(), userId, connectionId, node];
    await outbox.run(tenant, keys.userEvents(tenant, userId), 'disconnect', [presence, presenceChannel], args);
  }
}
