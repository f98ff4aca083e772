/** Operations that may be repeated while the first attempt may still arrive. */
import { APPEND, FINISH, MARK_READ, SEND, START, STOP } from './documents.ts';

/** These are idempotent. A late duplicate of any other could undo a later change. */
export const isRepeatable = (document: string): boolean =>
  /^\s*(query\b|\{)/.test(document) || [SEND, MARK_READ, START, APPEND, FINISH, STOP].includes(document);
