/** The caller's list of conversations, for apps. */
import type { Pages } from './pages.ts';
import type { Store } from './store/store.ts';
import type { InboxList, Readable } from './types.ts';

/** The caller's list. */
export interface Inbox extends Readable<InboxList> {
  readonly entries: InboxList['entries'];
  readonly unread: number;
  /** Reads the next page; resolves when it is loaded or failed. */
  loadMore(): Promise<void>;
}

export const inboxOf = (list: Readable<InboxList>, loadMore: () => Promise<void>): Inbox => ({
  get value() {
    return list.value;
  },
  get entries() {
    return list.value.entries;
  },
  get unread() {
    return list.value.unread;
  },
  subscribe: list.subscribe,
  loadMore,
});

export function listOf({ order, known }: Store, { isReadingList }: Pages): InboxList {
  const entries = order.entries(known);
  const { hasMore } = order;
  return {
    entries,
    unread: order.unread(known),
    isLoaded: entries.length > 0 || !hasMore,
    hasMore,
    isLoading: isReadingList,
  };
}
