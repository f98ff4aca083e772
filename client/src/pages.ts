/** Reads what events do not contain: the list, and the messages of conversations, page by page. */
import { INBOX_PAGE, MESSAGES_PAGE } from './documents.ts';
import { faultOf, isPassing, type RequestError, refusal } from './errors.ts';
import type { InboxPage, MessagesPage } from './events.ts';
import type { Variables } from './link.ts';
import { Pauses } from './pauses.ts';
import type { Reading } from './store/reading.ts';
import type { Store } from './store/store.ts';
import type { Fault } from './types.ts';

export type Request = <Data>(query: string, variables?: Variables) => Promise<Data>;

export const PAGE = 50;
/** The largest page; a longer list is read again in parts. */
const LARGEST_PAGE = 100;
const TRY_AGAIN_MS = 2_000;
/** The keys of what is read of the list: its beginning, and what follows. Each other key is the id of a conversation, and none is blank. */
const LIST = '';
const MORE = ' ';

export interface PagesOptions {
  readonly store: Store;
  readonly request: Request;
  /** Whether there is a connection that answers. */
  readonly isOpen: () => boolean;
  /** Resolves once there is such a connection. */
  readonly untilOpen: () => Promise<void>;
  /** Something of this conversation began or ended to be read; of no conversation: of the list. */
  readonly onChange: (key: string) => void;
}

export class Pages {
  /** The list was read, and events keep it up to date. */
  isListed = false;
  readonly #options: PagesOptions;
  readonly #reading = new Map<string, Promise<void>>();
  readonly #errors = new Map<string, Fault>();
  readonly #pauses = new Pauses();

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  get isReadingList(): boolean {
    return this.isReading(LIST) || this.isReading(MORE);
  }

  isReading(key: string): boolean {
    return this.#reading.has(key);
  }

  errorOf(key: string): Fault | null {
    return this.#errors.get(key) ?? null;
  }

  /** Reads the list from its start, as far as it is shown. */
  list(shown: number): Promise<void> {
    return this.#listPage(LIST, Math.min(Math.max(PAGE, shown), LARGEST_PAGE), null);
  }

  /** Reads the next page of the list. Waits for a connection, since a loop over all pages would otherwise spin. */
  async more(): Promise<void> {
    await this.#options.untilOpen();
    const { cursor, hasMore } = this.#options.store.order;
    if (hasMore) await this.#listPage(cursor === null ? LIST : MORE, PAGE, cursor);
  }

  /** Reads the last messages of a conversation; events add later ones. */
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
            if (isTaken && !page.conversation) throw refusal('NOT_FOUND', 'No such conversation.');
            return isTaken;
          },
        );
      } finally {
        const conversation = store.find(id);
        if (conversation) conversation.isReading = false;
      }
    });
  }

  /** Reads older messages. As `more`. */
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

  /** Ends all waits for a retry; without a connection none follows. */
  stop(): void {
    this.#pauses.end();
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

  /** Repeats a read whose answer is outdated. */
  async #read<Page>(ask: () => Promise<Page>, take: (page: Page, reading: Reading) => boolean): Promise<void> {
    const { readings } = this.#options.store;
    let isTaken = false;
    while (!isTaken) isTaken = await readings.during(ask, take);
  }

  /** One read per key at a time. A read that fails temporarily is retried while there is a connection. */
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
      this.#errors.set(key, faultOf(error as RequestError));
      return;
    }
    if (!this.#options.isOpen()) return;
    const ms = (error as Partial<RequestError>).retryAfterMs ?? TRY_AGAIN_MS;
    void this.#pauses.of(ms).then(() => this.#once(key, read));
  }
}
