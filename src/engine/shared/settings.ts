/** Settings of a tenant's admins, as an engine stores them. */
import type { TenantId } from '../../model.ts';

/** Each saved or removed setting is announced. */
export interface Settings<Setting> {
  /** In no order. */
  read(tenant: TenantId): Promise<Setting[]>;
  /** Replaces a setting of the same id. False: there are too many. */
  save(tenant: TenantId, id: string, setting: Setting): Promise<boolean>;
  /** Null: there was none. */
  remove(tenant: TenantId, id: string): Promise<Setting | null>;
}
