/** Use by tenant. Off by default, and capped: each tenant adds series to Prometheus for as long as this process runs. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { TenantNames } from './tenant-names.ts';

/** The name of all tenants that are not shown by name. A tenant of this name is one of them. */
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

interface Undecided {
  readonly used: Counted;
  /** Resolves once it is decided whether the tenant is shown by name, and its use is counted accordingly. */
  readonly decided: Promise<void>;
}

/** The use of the tenants that are shown by name, and of the others together. */
class Uses {
  readonly #names: TenantNames;
  readonly #others: Counted = { messages: 0, publications: 0, deliveries: 0 };
  readonly named = new Map([[OTHERS, this.#others]]);
  /** Not shown: a counter of the others must not fall when one of them gets a name. */
  readonly #undecided = new Map<string, Undecided>();

  constructor(names: TenantNames) {
    this.#names = names;
  }

  by(tenant: string): Counted {
    const known = this.named.get(tenant) ?? this.#undecided.get(tenant)?.used;
    if (known) return known;
    const hasName = this.#names.has(tenant);
    if (hasName === false) return this.#others;
    const used = { messages: 0, publications: 0, deliveries: 0 };
    if (hasName === true) this.named.set(tenant, used);
    else this.#undecided.set(tenant, { used, decided: this.#decide(tenant, used, hasName) });
    return used;
  }

  /** Resolves once every tenant seen so far has a name or is one of the others. */
  async settled(): Promise<void> {
    await Promise.all([...this.#undecided.values()].map(({ decided }) => decided));
  }

  async #decide(tenant: string, used: Counted, asked: Promise<boolean>): Promise<void> {
    const hasName = await asked;
    this.#undecided.delete(tenant);
    if (hasName) this.named.set(tenant, used);
    else for (const use of USES) this.#others[use] += used[use];
  }
}

export function createTenantMetrics(names: TenantNames, registers: Registry[]): TenantMetrics {
  const isCounting = names.most > 0;
  const uses = new Uses(names);
  const metrics: TenantMetrics = {
    count(tenant, use, count) {
      if (isCounting) uses.by(tenant)[use] += count;
    },
    connected: () => [],
  };
  exposeUse(isCounting ? uses : null, registers);
  exposeConnections(isCounting ? uses : null, () => metrics.connected(), registers);
  return metrics;
}

function exposeConnections(uses: Uses | null, connected: () => Iterable<string>, registers: Registry[]): void {
  new Gauge({
    name: 'realtime_tenant_connections',
    help: 'Clients of each tenant that are connected now.',
    labelNames: ['tenant'],
    registers,
    async collect() {
      if (!uses) return;
      for (const tenant of connected()) uses.by(tenant);
      await uses.settled();
      const connections = new Map<Counted, number>();
      for (const tenant of connected()) {
        const used = uses.by(tenant);
        connections.set(used, (connections.get(used) ?? 0) + 1);
      }
      for (const [tenant, used] of uses.named) this.set({ tenant }, connections.get(used) ?? 0);
    },
  });
}

/** `uses`: null if nothing is counted. */
function exposeUse(uses: Uses | null, registers: Registry[]): void {
  for (const use of USES) {
    new Counter({
      name: `realtime_tenant_${use}_total`,
      help: `The same as realtime_${use}_total, of each tenant.`,
      labelNames: ['tenant'],
      registers,
      async collect() {
        if (!uses) return;
        await uses.settled();
        this.reset();
        for (const [tenant, used] of uses.named) this.inc({ tenant }, used[use]);
      },
    });
  }
}
