/** The places in which a token is looked for, in requests and in `connection_init`. */

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A token with or without its scheme (RFC 6750 section 2.1). */
function bare(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const token = value.replace(/^bearer +/i, '').trim();
  return token === '' || /\s/.test(token) ? null : token;
}

/** From an `Authorization: Bearer …` header. */
export function tokenOfHeader(authorization: string | undefined): string | null {
  return authorization && /^bearer /i.test(authorization) ? bare(authorization) : null;
}

const PLACES = ['token', 'authorization', 'Authorization'] as const;

function tokensOf(payload: Record<string, unknown>): string[] {
  const { headers } = payload;
  const values = PLACES.map((place) => payload[place]);
  if (isRecord(headers)) values.push(headers['authorization'] ?? headers['Authorization']);
  return values.flatMap((value) => bare(value) ?? []);
}

/** The payload itself, and `connectionParams` inside it, where Apollo Router puts everything. */
function layersOf(payload: unknown): Record<string, unknown>[] {
  if (!isRecord(payload)) return [];
  const { connectionParams } = payload;
  return isRecord(connectionParams) ? [payload, connectionParams] : [payload];
}

/**
 * From a `connection_init` payload, or else from the header of the upgrade. Null for several tokens, since the service
 * must not choose between users.
 */
export function tokenOfConnectionInit(payload: unknown, authorization: string | undefined): string | null {
  const [token, ...others] = new Set(layersOf(payload).flatMap(tokensOf));
  return others.length === 0 ? (token ?? tokenOfHeader(authorization)) : null;
}

/** A text under one of these keys of a `connection_init` payload. */
export function textOfConnectionInit(payload: unknown, ...keys: string[]): string | null {
  for (const layer of layersOf(payload)) {
    for (const key of keys) {
      const value = layer[key];
      if (typeof value === 'string') return value;
    }
  }
  return null;
}
