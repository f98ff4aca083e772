/** Pages of a user's sessions, latest first. */
import { LIMITS } from '../limits.ts';
import type { SessionRecord } from '../model.ts';
import { decodeSessionCursor, type SessionSortKey } from './cursor.ts';
import { optional, pageSize } from './input.ts';

export interface SessionPage {
  readonly sessions: readonly SessionRecord[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export const latestFirst = (one: SessionSortKey, other: SessionSortKey): number =>
  other.createdAt - one.createdAt || (one.id > other.id ? -1 : Number(one.id !== other.id));

/** A page of sessions, which are given latest first. */
export function pageOfSessions(
  all: readonly SessionRecord[],
  { first, after }: { readonly first?: number | null | undefined; readonly after?: string | null | undefined },
): SessionPage {
  const most = pageSize(first ?? LIMITS.defaultPageSize, 'first');
  const sortKey = optional(after, decodeSessionCursor);
  const rest = sortKey ? all.filter((session) => latestFirst(sortKey, session) < 0) : all;
  return {
    sessions: rest.slice(0, most),
    hasNextPage: rest.length > most,
    hasPreviousPage: rest.length < all.length,
  };
}
