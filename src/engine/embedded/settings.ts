/** Settings of a tenant's admins, in SQLite: one table per kind, with `tenant`, `id` and `record`. */
import type { TenantId } from '../../model.ts';
import type { SettingKind } from '../port.ts';
import type { Settings } from '../shared/settings.ts';
import type { Announce, Database } from './database.ts';

interface Kind<Setting> {
  readonly kind: SettingKind;
  readonly table: 'routing_rules' | 'topic_policies';
  /** The cap per tenant. */
  readonly most: number;
  readonly decode: (json: string) => Setting;
}

export function createSettings<Setting>(
  database: Database,
  { kind, table, most, decode }: Kind<Setting>,
): Settings<Setting> {
  const all = database.prepare(`SELECT record FROM ${table} WHERE tenant = ?`);
  const one = database.prepare(`SELECT record FROM ${table} WHERE tenant = ? AND id = ?`);
  const put = database.prepare(`INSERT OR REPLACE INTO ${table} (tenant, id, record) VALUES (?, ?, ?)`);
  const drop = database.prepare(`DELETE FROM ${table} WHERE tenant = ? AND id = ?`);

  const settingOf = (row: unknown): Setting => decode((row as { readonly record: string }).record);
  const announceChange = (announce: Announce, tenant: TenantId): void =>
    announce({ kind, tenant, id: tenant }, { type: kind });

  return {
    read: async (tenant) => database.read(() => all.all(tenant).map(settingOf)),

    save: async (tenant, id, setting) =>
      database.write((announce) => {
        if (!one.get(tenant, id) && all.all(tenant).length >= most) return false;
        put.run(tenant, id, JSON.stringify(setting));
        announceChange(announce, tenant);
        return true;
      }),

    remove: async (tenant, id) =>
      database.write((announce) => {
        const row = one.get(tenant, id);
        if (!row) return null;
        drop.run(tenant, id);
        announceChange(announce, tenant);
        return settingOf(row);
      }),
  };
}
