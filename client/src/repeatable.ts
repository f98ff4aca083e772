/** Operations that may be asked a second time while the first may still arrive. */
import { APPEND, FINISH, MARK_READ, SEND, START, STOP } from './documents.ts';

/** Asked twice, these do what they do once. A late duplicate of any other could undo what was done since. */
export const isRepeatable = (document: string): boolean =>
  /^\s*(query\b|\{)/.test(document) || [SEND, MARK_READ, START, APPEND, FINISH, STOP].includes(document);
