/**
 * The routing rules of the tenants seen last.
 *
 * They are read once per tenant, and again when they are announced to have changed
 * or an announcement may have been missed. Until the new rules are there, those before hold.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Engine, Listening } from '../engine/port.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { RoutingRuleRecord, TenantId } from '../model.ts';

export interface KnownRules {
  /** Those that are enabled, in the order in which they run; at once, when they are known. */
  of(tenant: TenantId): readonly RoutingRuleRecord[] | Promise<readonly RoutingRuleRecord[]>;
  /** Reads a tenant's rules again, if they are known. */
  refresh(tenant: TenantId): Promise<void>;
  /** Leaves a rule alone for a while, as it is: saved again, it runs again. */
  rest(tenant: TenantId, rule: RoutingRuleRecord): void;
  isResting(tenant: TenantId, rule: RoutingRuleRecord): boolean;
}

interface Known {
  rules: readonly RoutingRuleRecord[] | null;
  reading: Promise<readonly RoutingRuleRecord[]> | null;
  listening: Promise<Listening> | null;
  /** Readings begun, and which of them the rules are of: one that was overtaken is not taken. */
  begun: number;
  taken: number;
  /** Rules that overran, by what they are, and until when they rest. */
  readonly resting: Map<string, number>;
}

/** Highest priority first; of equals, by id. */
export function inOrder(rules: readonly RoutingRuleRecord[]): RoutingRuleRecord[] {
  return [...rules].sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}

/** A rule as it was saved. */
const versionOf = ({ id, updatedAt }: RoutingRuleRecord): string => `${updatedAt} ${id}`;

export function createKnownRules(engine: Engine, clock: Clock, log: Log): KnownRules {
  const tenants = new LRUCache<TenantId, Known>({
    max: LIMITS.routedTenants,
    dispose: ({ listening }) => void listening?.then((each) => each.close()).catch(() => undefined),
  });

  function listen(tenant: TenantId, known: Known): Promise<Listening> {
    const reread = (): void => void again(tenant);
    const listening = engine.listen(
      { kind: 'routing-rules', tenant, id: tenant },
      { onAnnouncement: reread, onInterrupted: reread },
    );
    listening.catch(() => {
      known.listening = null;
    });
    return listening;
  }

  async function read(tenant: TenantId, known: Known): Promise<readonly RoutingRuleRecord[]> {
    known.listening ??= listen(tenant, known);
    await known.listening;
    known.begun += 1;
    const mine = known.begun;
    const rules = inOrder(await engine.readRoutingRules(tenant)).filter(({ enabled }) => enabled);
    if (mine < known.taken) return known.rules ?? rules;
    known.taken = mine;
    known.rules = rules;
    const versions = new Set(rules.map(versionOf));
    for (const version of known.resting.keys()) if (!versions.has(version)) known.resting.delete(version);
    return rules;
  }

  async function again(tenant: TenantId): Promise<void> {
    const known = tenants.peek(tenant);
    if (!known) return;
    try {
      await read(tenant, known);
    } catch (error) {
      log.warn({ tenant, err: error }, 'routing rules not read');
      clock.after(TIMES.nodeRenewMs, () => void again(tenant));
    }
  }

  return {
    of(tenant) {
      let known = tenants.get(tenant);
      if (known?.rules) return known.rules;
      if (!known) {
        known = { rules: null, reading: null, listening: null, begun: 0, taken: 0, resting: new Map() };
        tenants.set(tenant, known);
      }
      const entry = known;
      entry.reading ??= read(tenant, entry).finally(() => {
        entry.reading = null;
      });
      return entry.reading;
    },

    async refresh(tenant) {
      const known = tenants.peek(tenant);
      if (known) await read(tenant, known);
    },

    rest(tenant, rule) {
      tenants.peek(tenant)?.resting.set(versionOf(rule), clock.elapsed() + TIMES.ruleRestMs);
    },

    isResting(tenant, rule) {
      return (tenants.peek(tenant)?.resting.get(versionOf(rule)) ?? 0) > clock.elapsed();
    },
  };
}
