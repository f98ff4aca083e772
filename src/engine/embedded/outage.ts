/** Which errors mean that the database file is unavailable. */
import { ServiceError } from '../../errors.ts';

/** Primary result codes of SQLite: BUSY, LOCKED, IOERR, CANTOPEN. A full disk refuses writes only. */
const AWAY = new Set([5, 6, 10, 14]);
/** The same, and FULL. */
const PASSING = new Set([...AWAY, 13]);

function codeOf(cause: unknown): number | null {
  const { errcode } = cause as { readonly errcode?: unknown };
  return typeof errcode === 'number' ? errcode & 0xff : null;
}

export const isSqliteOutage = (cause: unknown): boolean => AWAY.has(codeOf(cause) ?? 0);

/** Whether work failed because the file is away, the disk full or the database closed, and not because of its data. */
export function isPassingFault(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false;
  return error.cause === undefined || PASSING.has(codeOf(error.cause) ?? 0);
}
