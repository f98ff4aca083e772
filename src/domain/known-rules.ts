/** The routing rules of the most recent tenants. The cached rules apply until the new ones are read. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { RoutingRuleRecord, TenantId } from '../model.ts';
import { createKnownSettings } from './known-settings.ts';

export interface KnownRules {
  /** The enabled rules, in the order in which they run; synchronous when they are cached. */
  of(tenant: TenantId): readonly RoutingRuleRecord[] | Promise<readonly RoutingRuleRecord[]>;
  /** Reads a tenant's rules again, if they are cached. */
  refresh(tenant: TenantId): Promise<void>;
  /** Skips the current version of a rule for a while. Saving the rule again ends the rest. */
  rest(tenant: TenantId, rule: RoutingRuleRecord): void;
  isResting(tenant: TenantId, rule: RoutingRuleRecord): boolean;
}

/** By priority, highest first, and then by id. */
export function inOrder(rules: readonly RoutingRuleRecord[]): RoutingRuleRecord[] {
  return [...rules].sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}

/** A rule as it was saved. */
const versionOf = ({ id, updatedAt }: RoutingRuleRecord): string => `${updatedAt} ${id}`;

export function createKnownRules(engine: Engine, clock: Clock, log: Log): KnownRules {
  /** Rules that overran, by version, and the end of their rest. */
  const resting = new LRUCache<TenantId, Map<string, number>>({ max: LIMITS.knownTenants });

  async function read(tenant: TenantId): Promise<readonly RoutingRuleRecord[]> {
    const rules = inOrder(await engine.readRoutingRules(tenant)).filter(({ enabled }) => enabled);
    const versions = new Set(rules.map(versionOf));
    const rested = resting.peek(tenant);
    for (const version of rested?.keys() ?? []) if (!versions.has(version)) rested?.delete(version);
    return rules;
  }

  const known = createKnownSettings({ kind: 'routing-rules', engine, clock, log, read, inDoubt: 'as-before' });

  return {
    of: known.of,
    refresh: known.refresh,

    rest(tenant, rule) {
      const rested = resting.get(tenant) ?? new Map<string, number>();
      rested.set(versionOf(rule), clock.elapsed() + TIMES.ruleRestMs);
      resting.set(tenant, rested);
    },

    isResting(tenant, rule) {
      return (resting.peek(tenant)?.get(versionOf(rule)) ?? 0) > clock.elapsed();
    },
  };
}
