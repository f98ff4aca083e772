/**
 * The order of a user's list, in both engines.
 *
 * A list is kept as buckets: conversations of one kind that are all pinned or not, archived or
 * not, unread or not, each in the order of activity. A query merges some of the
 * buckets, so no filter reads entries that it leaves out.
 */
import type { ConversationKind } from '../../model.ts';
import type { ListPlace, ListQuery } from '../port.ts';

const KINDS: readonly ConversationKind[] = ['DIRECT', 'GROUP', 'ROOM'];

/** A letter for each: kind, p(inned) or not, a(rchived) or not, u(nread) or read. */
export type Bucket = string;

const either = (wanted: boolean | null): readonly boolean[] => (wanted === null ? [true, false] : [wanted]);

function bucketsOf({ kind, isArchived, isUnread }: ListQuery, isPinned: boolean): Bucket[] {
  return (kind ? [kind] : KINDS).flatMap((each) =>
    either(isArchived).flatMap((archived) =>
      either(isUnread).map((unread) => bucketOf({ kind: each, isPinned, isArchived: archived, isUnread: unread })),
    ),
  );
}

export function bucketOf(of: {
  readonly kind: ConversationKind;
  readonly isPinned: boolean;
  readonly isArchived: boolean;
  readonly isUnread: boolean;
}): Bucket {
  return of.kind.charAt(0) + (of.isPinned ? 'p' : '-') + (of.isArchived ? 'a' : '-') + (of.isUnread ? 'u' : '-');
}

/** Buckets that are merged, and where in them a page begins; null: at their first. */
export interface Stretch {
  readonly buckets: readonly Bucket[];
  readonly after: Pick<ListPlace, 'activity' | 'id'> | null;
}

/** The stretches of a query, one after the other. */
export function stretchesOf(query: ListQuery): Stretch[] {
  const { after, order } = query;
  if (order === 'activity') return [{ buckets: [true, false].flatMap((pinned) => bucketsOf(query, pinned)), after }];
  const [pinned, others] = [bucketsOf(query, true), bucketsOf(query, false)];
  if (!after?.isPinned)
    return after
      ? [{ buckets: others, after }]
      : [
          { buckets: pinned, after },
          { buckets: others, after },
        ];
  return [
    { buckets: pinned, after },
    { buckets: others, after: null },
  ];
}

/** Of all buckets a query asks for, wherever its page begins. */
export function allBucketsOf(query: ListQuery): Bucket[] {
  return [true, false].flatMap((pinned) => bucketsOf(query, pinned));
}

/** The common beginning of their names, as far as the query tells them apart: fewer names give the same count. */
export function countedOf(query: ListQuery): string[] {
  const isTold = [true, true, query.isArchived !== null, query.isUnread !== null];
  const length = isTold.lastIndexOf(true) + 1;
  return [...new Set(allBucketsOf(query).map((bucket) => bucket.slice(0, length)))];
}

/** Latest activity first; of the same, by id. */
export function byActivity(one: Pick<ListPlace, 'activity' | 'id'>, other: Pick<ListPlace, 'activity' | 'id'>): number {
  return other.activity - one.activity || (one.id < other.id ? -1 : Number(one.id !== other.id));
}
