/** Cursors of the dead letters of a consumer. */
import { badInput } from '../errors.ts';

/** @throws {ServiceError} BAD_USER_INPUT for a text that is no cursor of dead letters. */
export function deadLetterKey(cursor: string): string {
  if (!/^\d{1,16}(-\d{1,16}-\d)?$/.test(cursor)) throw badInput('after: must be a cursor of this list.');
  return cursor;
}
