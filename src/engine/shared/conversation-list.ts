/**
 * The order of a user's list, in both engines.
 *
 * A list is stored in buckets, by kind and by pinned, archived and unread, each in order of activity. A query merges
 * some of the buckets, so a filter never reads entries that it excludes.
 */
import type { ConversationKind } from '../../model.ts';
import type { ListQuery, ListSortKey } from '../port.ts';

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

/** Buckets to merge, and the sort key in them after which a page begins; null: at the start. */
export interface Stretch {
  readonly buckets: readonly Bucket[];
  readonly after: Pick<ListSortKey, 'activity' | 'id'> | null;
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

/** All buckets that a query selects, wherever its page begins. */
export function allBucketsOf(query: ListQuery): Bucket[] {
  return [true, false].flatMap((pinned) => bucketsOf(query, pinned));
}

/** The shortest prefixes of bucket names that count the same entries. */
export function countedOf(query: ListQuery): string[] {
  const isTold = [true, true, query.isArchived !== null, query.isUnread !== null];
  const length = isTold.lastIndexOf(true) + 1;
  return [...new Set(allBucketsOf(query).map((bucket) => bucket.slice(0, length)))];
}

/** Latest activity first, then by id. */
export function byActivity(
  one: Pick<ListSortKey, 'activity' | 'id'>,
  other: Pick<ListSortKey, 'activity' | 'id'>,
): number {
  return other.activity - one.activity || (one.id < other.id ? -1 : Number(one.id !== other.id));
}
