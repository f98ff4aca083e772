/** Finds the owner of a key, a conversation or a user: the inverse of `keys.ts`. */
import type { TenantId, UserId } from '../../model.ts';

export type KeyOwner =
  | { readonly kind: 'conversation'; readonly tenant: TenantId; readonly key: string }
  | { readonly kind: 'user'; readonly tenant: TenantId; readonly id: UserId };

const NAME = /^\{([cu])\.([\w-]+)\.([\w-]+)\}:(meta|presence|log-state)$/;

const decode = (part: string): string => Buffer.from(part, 'base64url').toString();

/** A SCAN pattern for all keys of conversations and users. Pattern characters in the prefix are escaped. */
export const keyOwnerPattern = (prefix: string): string => `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:{[cu].*`;

/** Null for all but one key of each owner, so that each owner is found once. */
export function keyOwnerOf(prefix: string, name: string): KeyOwner | null {
  const [, letter, tenantPart = '', part = '', last] = NAME.exec(name.slice(prefix.length + 1)) ?? [];
  const tenant = decode(tenantPart) as TenantId;
  if (letter === 'c' && last === 'meta') return { kind: 'conversation', tenant, key: part };
  if (letter === 'u' && last !== 'meta') return { kind: 'user', tenant, id: decode(part) as UserId };
  return null;
}
