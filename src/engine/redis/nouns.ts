/** Finds the conversation or user of a key: the inverse of `keys.ts`. */
import type { TenantId, UserId } from '../../model.ts';

export type Noun =
  | { readonly kind: 'conversation'; readonly tenant: TenantId; readonly key: string }
  | { readonly kind: 'user'; readonly tenant: TenantId; readonly id: UserId };

const NAME = /^\{([cu])\.([\w-]+)\.([\w-]+)\}:(meta|presence|log-state)$/;

const decode = (part: string): string => Buffer.from(part, 'base64url').toString();

/** A SCAN pattern for all keys of conversations and users. Pattern characters in the prefix are escaped. */
export const nounPattern = (prefix: string): string => `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:{[cu].*`;

/** Null for all but one key of each noun, so that each noun is found once. */
export function nounOf(prefix: string, name: string): Noun | null {
  const [, letter, tenantPart = '', part = '', last] = NAME.exec(name.slice(prefix.length + 1)) ?? [];
  const tenant = decode(tenantPart) as TenantId;
  if (letter === 'c' && last === 'meta') return { kind: 'conversation', tenant, key: part };
  if (letter === 'u' && last !== 'meta') return { kind: 'user', tenant, id: decode(part) as UserId };
  return null;
}
