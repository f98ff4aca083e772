/** The claims of a token, unverified: the service verifies them. */
import { textOf } from './errors.ts';

/** What it does not name, or not as expected, is left out, null or not a number. */
export interface UnverifiedClaims {
  readonly userId?: string | null;
  /** From its issue to its expiry. */
  readonly lifetimeMs?: number;
}

export function claimsOf(token: string | null | undefined): UnverifiedClaims {
  try {
    const bytes = atob((token?.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    const json = new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
    const { sub, client_id, azp, iat, exp } = JSON.parse(json) as Record<string, unknown>;
    const userId = textOf(sub) ?? textOf(client_id) ?? textOf(azp);
    return { userId, lifetimeMs: (Number(exp) - Number(iat)) * 1_000 };
  } catch {
    return {};
  }
}
