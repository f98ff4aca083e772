/** Routing rules in Redis. */
import { LIMITS } from '../../limits.ts';
import type { RoutingRuleStore } from '../port.ts';
import { decodeRoutingRule } from '../shared/routing-rule.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';
import { createSettings } from './settings.ts';

export function createRoutingRules(client: RedisClient, run: RunScript, keys: Keys): RoutingRuleStore {
  const { rulesPerTenant: most } = LIMITS;
  const rules = createSettings(client, run, {
    kind: 'routing-rules',
    keysOf: keys.routingRules,
    most,
    decode: decodeRoutingRule,
  });
  return {
    readRoutingRules: rules.read,
    saveRoutingRule: (tenant, rule) => rules.save(tenant, rule.id, rule),
    deleteRoutingRule: rules.remove,
  };
}
