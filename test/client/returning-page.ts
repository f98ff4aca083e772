/** A page with the list and one open conversation. It records when each was first on the screen. */
import { createRealtime } from '../../client/src/index.ts';
import { indexedDbStorage } from '../../client/src/storage/index.ts';

export interface ReturningPage {
  readonly now: number;
  readonly status: string;
  readonly unread: number;
  /** Id, unread and last content of each entry of the list. */
  readonly rows: readonly (readonly [id: string, unread: number, last: string | undefined])[];
  readonly history: readonly string[];
  /** Milliseconds since the page was opened; null: not yet. */
  readonly listAt: number | null;
  readonly historyAt: number | null;
}

interface Given {
  readonly location: { readonly search: string };
  readonly document: { getElementById(id: string): { textContent: string } };
  requestAnimationFrame(then: () => void): void;
  tokenOf(): Promise<string>;
  shown(): ReturningPage;
  loadAll(): Promise<void>;
}
const page = globalThis as unknown as Given;
const given = new URLSearchParams(page.location.search);
const chat = createRealtime({
  url: given.get('url') ?? '',
  getToken: () => page.tokenOf(),
  storage: indexedDbStorage(),
});
const room = chat.conversation(given.get('opened') ?? '');
let listAt: number | null = null;
let historyAt: number | null = null;

const rowsNow = (): ReturningPage['rows'] =>
  chat.inbox.entries.map(({ conversation, unread, lastMessage }) => [conversation.id, unread, lastMessage?.content]);
const historyNow = (): string[] => room.messages.value.messages.map(({ content }) => content);

function render(): void {
  const [rows, history] = [rowsNow(), historyNow()];
  page.document.getElementById('root').textContent = JSON.stringify([rows, history]);
  page.requestAnimationFrame(() => {
    if (rows.length > 0) listAt ??= performance.now();
    if (history.length > 0) historyAt ??= performance.now();
  });
}
chat.inbox.subscribe(render);
room.messages.subscribe(render);

page.shown = () => ({
  now: Date.now(),
  status: chat.status.value,
  unread: chat.inbox.unread,
  rows: rowsNow(),
  history: historyNow(),
  listAt,
  historyAt,
});
page.loadAll = async () => {
  while (chat.inbox.value.hasMore) await chat.inbox.loadMore();
};
