/** Routing rules in SQLite. */
import { LIMITS } from '../../limits.ts';
import type { TenantId } from '../../model.ts';
import type { RoutingRuleStore } from '../port.ts';
import { decodeRoutingRule } from '../shared/routing-rule.ts';
import type { Announce, Database } from './database.ts';

const decode = (row: unknown) => decodeRoutingRule((row as { record: string }).record);

export function createRoutingRules(database: Database): RoutingRuleStore {
  const all = database.prepare('SELECT record FROM routing_rules WHERE tenant = ?');
  const one = database.prepare('SELECT record FROM routing_rules WHERE tenant = ? AND id = ?');
  const put = database.prepare('INSERT OR REPLACE INTO routing_rules (tenant, id, record) VALUES (?, ?, ?)');
  const remove = database.prepare('DELETE FROM routing_rules WHERE tenant = ? AND id = ?');

  const tell = (announce: Announce, tenant: TenantId): void =>
    announce({ kind: 'routing-rules', tenant, id: tenant }, { type: 'routing-rules' });

  return {
    readRoutingRules: async (tenant) => database.read(() => all.all(tenant).map(decode)),

    async saveRoutingRule(tenant, rule) {
      return database.write((announce) => {
        if (!one.get(tenant, rule.id) && all.all(tenant).length >= LIMITS.rulesPerTenant) return false;
        put.run(tenant, rule.id, JSON.stringify(rule));
        tell(announce, tenant);
        return true;
      });
    },

    async deleteRoutingRule(tenant, id) {
      return database.write((announce) => {
        const row = one.get(tenant, id);
        if (!row) return null;
        remove.run(tenant, id);
        tell(announce, tenant);
        return decode(row);
      });
    },
  };
}
