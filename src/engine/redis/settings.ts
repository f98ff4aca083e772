/** Settings of a tenant's admins, in Redis: one hash per tenant and kind. */
import type { TenantId } from '../../model.ts';
import type { SettingKind } from '../port.ts';
import type { Settings } from '../shared/settings.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { RunScript } from './scripts.ts';
import type { SettingKeys } from './subject-keys.ts';

interface Kind<Setting> {
  readonly kind: SettingKind;
  readonly keysOf: (tenant: TenantId) => SettingKeys;
  /** The cap per tenant. */
  readonly most: number;
  readonly decode: (json: string) => Setting;
}

export function createSettings<Setting>(
  client: RedisClient,
  run: RunScript,
  { kind, keysOf, most, decode }: Kind<Setting>,
): Settings<Setting> {
  return {
    read: async (tenant) => (await attempt(() => client.hvals(keysOf(tenant).settings))).map(decode),

    async save(tenant, id, setting) {
      const { settings, mark, channel } = keysOf(tenant);
      return (await run('save-setting', [settings, mark, channel], [id, JSON.stringify(setting), most, kind])) === 1;
    },

    async remove(tenant, id) {
      const { settings, mark, channel } = keysOf(tenant);
      const json = await run('delete-setting', [settings, mark, channel], [id, kind]);
      return json === null ? null : decode(String(json));
    },
  };
}
