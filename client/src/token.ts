/** The claims of a token, unverified: the service verifies them. */

export interface Said {
  readonly userId: string | null;
  /** From when it was issued to its end. */
  readonly lifetimeMs: number | null;
}

export function saidBy(token: string): Said {
  try {
    const bytes = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    const json = new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
    const { sub, client_id, azp, iat, exp } = JSON.parse(json) as Record<string, unknown>;
    const userId = [sub, client_id, azp].find((claim) => typeof claim === 'string');
    const lifetimeMs = typeof iat === 'number' && typeof exp === 'number' ? (exp - iat) * 1_000 : null;
    return { userId: typeof userId === 'string' ? userId : null, lifetimeMs };
  } catch {
    return { userId: null, lifetimeMs: null };
  }
}
