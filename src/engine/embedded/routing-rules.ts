/** Routing rules in SQLite. */
import { LIMITS } from '../../limits.ts';
import type { RoutingRuleStore } from '../port.ts';
import { decodeRoutingRule } from '../shared/routing-rule.ts';
import type { Database } from './database.ts';
import { createSettings } from './settings.ts';

export function createRoutingRules(database: Database): RoutingRuleStore {
  const { rulesPerTenant: most } = LIMITS;
  const rules = createSettings(database, {
    kind: 'routing-rules',
    table: 'routing_rules',
    most,
    decode: decodeRoutingRule,
  });
  return {
    readRoutingRules: rules.read,
    saveRoutingRule: (tenant, rule) => rules.save(tenant, rule.id, rule),
    deleteRoutingRule: rules.remove,
  };
}
