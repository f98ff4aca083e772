/** Use by tenant. Off by default, and capped: each tenant is series of its own in Prometheus, for as long as this process runs. */
import { Counter, Gauge, type Registry } from 'prom-client';

/** The tenants without a name of their own. A tenant of this name is one of them. */
const OTHERS = 'other';
const USES = ['messages', 'publications', 'deliveries'] as const;
type Use = (typeof USES)[number];
type Counted = Record<Use, number>;

export interface TenantMetrics {
  /** Cheap, because deliveries are counted one by one. */
  count(tenant: string, use: Use, count: number): void;
  /** Called when scraped: the tenant of each client that is connected. */
  connected: () => Iterable<string>;
}

/** `most`: tenants with a name of their own, the first ones that are seen; 0: nothing is counted. */
export function createTenantMetrics(most: number, registers: Registry[]): TenantMetrics {
  const others: Counted = { messages: 0, publications: 0, deliveries: 0 };
  const named = new Map([[OTHERS, others]]);
  const usedBy = (tenant: string): Counted => {
    const known = named.get(tenant);
    if (known) return known;
    // The others have no place among those with a name.
    if (named.size > most) return others;
    const own = { messages: 0, publications: 0, deliveries: 0 };
    named.set(tenant, own);
    return own;
  };
  const metrics: TenantMetrics = {
    count(tenant, use, count) {
      if (most > 0) usedBy(tenant)[use] += count;
    },
    connected: () => [],
  };
  exposeUse(most > 0 ? named : new Map(), registers);
  new Gauge({
    name: 'realtime_tenant_connections',
    help: 'Clients of each tenant that are connected now.',
    labelNames: ['tenant'],
    registers,
    collect() {
      if (most === 0) return;
      const connections = new Map<Counted, number>();
      for (const tenant of metrics.connected()) {
        const used = usedBy(tenant);
        connections.set(used, (connections.get(used) ?? 0) + 1);
      }
      for (const [tenant, used] of named) this.set({ tenant }, connections.get(used) ?? 0);
    },
  });
  return metrics;
}

function exposeUse(named: ReadonlyMap<string, Counted>, registers: Registry[]): void {
  for (const use of USES) {
    new Counter({
      name: `realtime_tenant_${use}_total`,
      help: `The same as realtime_${use}_total, of each tenant.`,
      labelNames: ['tenant'],
      registers,
      collect() {
        this.reset();
        for (const [tenant, used] of named) this.inc({ tenant }, used[use]);
      },
    });
  }
}
