/** Routing rules in Redis: one hash for each tenant. */
import { LIMITS } from '../../limits.ts';
import type { RoutingRuleStore } from '../port.ts';
import { decodeRoutingRule } from '../shared/routing-rule.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

export function createRoutingRules(client: RedisClient, run: RunScript, keys: Keys): RoutingRuleStore {
  return {
    async readRoutingRules(tenant) {
      return (await attempt(() => client.hvals(keys.routingRules(tenant).rules))).map(decodeRoutingRule);
    },

    async saveRoutingRule(tenant, rule) {
      const { rules, mark, channel } = keys.routingRules(tenant);
      const args = [rule.id, JSON.stringify(rule), LIMITS.rulesPerTenant];
      return (await run('save-routing-rule', [rules, mark, channel], args)) === 1;
    },

    async deleteRoutingRule(tenant, id) {
      const { rules, mark, channel } = keys.routingRules(tenant);
      const json = await run('delete-routing-rule', [rules, mark, channel], [id]);
      return json === null ? null : decodeRoutingRule(String(json));
    },
  };
}
