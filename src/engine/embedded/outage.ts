/** Which errors mean that the database file is unavailable. */

/** Primary result codes of SQLite: BUSY, LOCKED, IOERR, CANTOPEN. A full disk refuses writes only. */
const AWAY = new Set([5, 6, 10, 14]);

export function isSqliteOutage(cause: unknown): boolean {
  const { errcode } = cause as { readonly errcode?: unknown };
  return typeof errcode === 'number' && AWAY.has(errcode & 0xff);
}
