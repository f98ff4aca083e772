/** Reads what is not told: the list, and the messages of conversations, page by page. */
import { INBOX_PAGE, MESSAGES_PAGE } from './documents.ts';
import { isPassing, RequestError } from './errors.ts';
import type { InboxPage, MessagesPage } from './events.ts';
import type { Variables } from './link.ts';
import type { Reading } from './store/reading.ts';
import type { Store } from './store/store.ts';

export type Request = <Data>(query: string, variables?: Variables) => Promise<Data>;

export const PAGE = 50;
/** The most that is read at once: a page that shows more is read anew in parts. */
const LARGEST_PAGE = 100;
const TRY_AGAIN_MS = 2_000;
/** The keys of what is read of the list: its beginning, and what follows. Each other key is the id of a conversation, and none is blank. */
const LIST = '';
const MORE = ' ';
const NOT_THERE = new RequestError({
  message: 'The caller has no such conversation.',
  extensions: { code: 'NOT_FOUND' },
});

export interface PagesOptions {
  readonly store: Store;
  readonly request: Request;
  /** Whether there is a connection that answers. */
  readonly isOpen: () => boolean;
  /** Resolves once there is. */
  readonly untilOpen: () => Promise<void>;
  /** Something of this conversation began or ended to be read; of no conversation: of the list. */
  readonly onChange: (key: string) => void;
}

export class Pages {
  /** The list was read, and what is told continues it. */
  isListed = false;
  readonly #options: PagesOptions;
  readonly #reading = new Map<string, Promise<void>>();
  readonly #errors = new Map<string, RequestError>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  get isReadingList(): boolean {
    return this.isReading(LIST) || this.isReading(MORE);
  }

  isReading(key: string): boolean {
    return this.#reading.has(key);
  }

  errorOf(key: string): RequestError | null {
    return this.#errors.get(key) ?? null;
  }

  /** The list from its beginning, as far as it is shown. */
  list(shown: number): Promise<void> {
    return this.#listPage(LIST, Math.min(Math.max(PAGE, shown), LARGEST_PAGE), null);
  }

  /** The list past what is shown. Waits for a connection: a loop over all pages would not let one open. */
  async more(): Promise<void> {
    await this.#options.untilOpen();
    const { cursor, hasMore } = this.#options.store.order;
    if (hasMore) await this.#listPage(cursor === null ? LIST : MORE, PAGE, cursor);
  }

  /** The last messages of a conversation, to which what is told is added. */
  first(id: string): Promise<void> {
    const { store, request } = this.#options;
    const variables = { id, last: PAGE, before: null, isFirst: true };
    return this.#once(id, async () => {
      try {
        await this.#read<MessagesPage>(
          () => {
            store.of(id).beginReading();
            return request(MESSAGES_PAGE, variables);
          },
          (page, reading) => {
            const isTaken = store.takeFirst(id, page, reading);
            if (isTaken && !page.conversation) throw NOT_THERE;
            return isTaken;
          },
        );
      } finally {
        const conversation = store.find(id);
        if (conversation) conversation.isReading = false;
      }
    });
  }

  /** Messages before those that are shown. As `more`. */
  async older(id: string): Promise<void> {
    const { store, request, untilOpen } = this.#options;
    await untilOpen();
    const conversation = store.find(id);
    if (!conversation?.isJoined) return this.first(id);
    if (!conversation.hasOlder) return;
    const variables = { id, last: PAGE, before: conversation.olderCursor, isFirst: false };
    return this.#once(id, () =>
      this.#read<MessagesPage>(
        () => request(MESSAGES_PAGE, variables),
        (page, reading) => {
          store.takeOlder(id, page, reading);
          return true;
        },
      ),
    );
  }

  /** Nothing is tried again any more. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #listPage(key: string, first: number, after: string | null): Promise<void> {
    const { store, request } = this.#options;
    return this.#once(key, () =>
      this.#read<InboxPage>(
        () => request(INBOX_PAGE, { first, after }),
        (page, reading) => {
          // It would continue a list that is no longer shown.
          if (after !== null && after !== store.order.cursor) return true;
          const isTaken = store.takePage(page, reading);
          if (isTaken && after === null) this.isListed = true;
          return isTaken;
        },
      ),
    );
  }

  /** Asks again while what is answered no longer holds. */
  async #read<Page>(ask: () => Promise<Page>, take: (page: Page, reading: Reading) => boolean): Promise<void> {
    const { readings } = this.#options.store;
    let isTaken = false;
    while (!isTaken) isTaken = await readings.during(ask, take);
  }

  /** One reading of each at a time. One that fails for a reason that passes is tried again while there is a connection. */
  #once(key: string, read: () => Promise<void>): Promise<void> {
    const running = this.#reading.get(key);
    if (running) return running;
    const started = read()
      .then(
        () => void this.#errors.delete(key),
        (error: unknown) => this.#failed(key, read, error),
      )
      .finally(() => {
        this.#reading.delete(key);
        this.#options.onChange(key);
      });
    this.#reading.set(key, started);
    this.#options.onChange(key);
    return started;
  }

  #failed(key: string, read: () => Promise<void>, error: unknown): void {
    if (!isPassing(error)) {
      this.#errors.set(key, error as RequestError);
      return;
    }
    if (!this.#options.isOpen()) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        void this.#once(key, read);
      },
      (error as Partial<RequestError>).retryAfterMs ?? TRY_AGAIN_MS,
    );
    this.#timers.add(timer);
  }
}
