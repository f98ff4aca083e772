/** Where a token is looked for, in requests and in `connection_init`. */

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

function tokenOf(payload: Record<string, unknown>): string | null {
  for (const place of PLACES) {
    const token = bare(payload[place]);
    if (token) return token;
  }
  const { headers } = payload;
  return isRecord(headers) ? bare(headers['authorization'] ?? headers['Authorization']) : null;
}

/** The payload itself, and `connectionParams` inside it, where Apollo Router puts everything. */
function layersOf(payload: unknown): Record<string, unknown>[] {
  if (!isRecord(payload)) return [];
  const { connectionParams } = payload;
  return isRecord(connectionParams) ? [payload, connectionParams] : [payload];
}

/** From a `connection_init` payload. */
export function tokenOfConnectionInit(payload: unknown): string | null {
  for (const layer of layersOf(payload)) {
    const token = tokenOf(layer);
    if (token) return token;
  }
  return null;
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
