/**
 * A client, and a page in Chromium, that reconnect after three days in which most conversations of their user changed.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { memoryStorage, type Realtime } from '../../client/src/index.ts';
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, live, shows } from './clients.ts';
import type { ReturningPage } from './returning-page.ts';
import { CHROMIUM, type Pages, servePage } from './serve-page.ts';

const CONVERSATIONS = 300;
const DAYS_MS = 3 * 24 * 3_600_000;
const INBOX = `query ($after: String) { viewer { unreadMessageCount inbox(first: 50, after: $after) {
  edges { node { unreadMessageCount conversation { id lastMessage { content } } } }
  pageInfo { hasNextPage endCursor }
} } }`;
const LAST = CONVERSATIONS - 1;
const BEFORE = `first of ${LAST}`;
const AFTER = [BEFORE, ...Array.from({ length: (LAST % 3) + 1 }, (_, m) => `${m} of ${LAST}, later`)];

const inChromium = CHROMIUM ? it : it.skip;

describe('after three days in which 300 conversations changed', () => {
  let pages: Pages;
  let service: TestService;
  let proxy: TcpProxy;
  let browser: Browser | undefined;
  let context: BrowserContext;
  let ids: string[];
  let opened: string;
  const storage = memoryStorage();
  const clients = clientsOf(() => service);

  beforeAll(async () => {
    pages = await servePage('returning-page.ts');
    service = await startTestService({ env: { RATE_LIMIT_ENABLED: 'false', ALLOWED_ORIGINS: pages.origin } });
    proxy = await startTcpProxy(service.service.port);
    const bob = user(service, 'bob');
    ids = [];
    for (let n = 0; n < CONVERSATIONS; n += 1) {
      const { id } = await createConversation(bob, { id: newId(), name: `${n}`, memberIds: ['alice'] });
      await send(bob, id, `first of ${n}`);
      ids.push(id);
    }
    opened = ids.at(-1) ?? '';
    await visit();
    if (CHROMIUM) await visitInChromium(CHROMIUM);

    service.clock.advance(DAYS_MS);
    for (const [n, id] of ids.entries()) for (let m = 0; m <= n % 3; m += 1) await send(bob, id, `${m} of ${n}, later`);
    await service.query('bob', `mutation { removeMember(id: "${ids[3]}", userId: "alice") { id } }`);
    await service.query('bob', `mutation { deleteConversation(id: "${ids[4]}") }`);
    const begun = await createConversation(bob, { name: 'meanwhile', memberIds: ['alice'] });
    await send(bob, begun.id, 'new');
  });
  afterAll(async () => {
    clients.close();
    await browser?.close();
    pages.close();
    await proxy.close();
    await service.close();
  });

  async function stored(): Promise<{ unread: number; rows: unknown[] }> {
    const rows: unknown[] = [];
    for (let after: string | null = null; ; ) {
      const { data }: { data: Data } = await service.query('alice', INBOX, { after });
      const { edges, pageInfo } = data.viewer.inbox;
      rows.push(
        ...edges.map(({ node }: Data) => [
          node.conversation.id,
          node.unreadMessageCount,
          node.conversation.lastMessage?.content,
        ]),
      );
      if (!pageInfo.hasNextPage) return { unread: data.viewer.unreadMessageCount, rows };
      after = pageInfo.endCursor;
    }
  }
  const shown = ({ inbox }: Realtime) => ({
    unread: inbox.unread,
    rows: inbox.entries.map(({ conversation, unread, lastMessage }) => [conversation.id, unread, lastMessage?.content]),
  });
  async function loadAll({ inbox }: Realtime): Promise<void> {
    while (inbox.value.hasMore) await inbox.loadMore();
  }
  /** What is kept is kept at a checkpoint. */
  async function visit(): Promise<void> {
    const before = await live(clients.of('alice', { storage }));
    await loadAll(before);
    expect(shown(before)).toEqual(await stored());
    await shows(before, opened, [BEFORE]);
    before.close();
  }

  /** The page as it is now; its clock is that of the service. */
  async function open(): Promise<Page> {
    const page = await context.newPage();
    await page.clock.install({ time: service.clock.now() });
    await page.goto(
      `${pages.origin}/?${new URLSearchParams({ url: `http://127.0.0.1:${proxy.port}/graphql`, opened })}`,
    );
    return page;
  }
  const on = (page: Page): Promise<ReturningPage> => page.evaluate('shown()');
  async function visitInChromium(executablePath: string): Promise<void> {
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    context = await browser.newContext();
    await context.exposeFunction('tokenOf', () => service.token('alice'));
    const page = await open();
    await eventually(async () => expect(await on(page)).toMatchObject({ status: 'live', history: [BEFORE] }));
    await page.close();
  }

  it('a client shows its stored list at once, then every change, and the history of what is opened', async () => {
    proxy.redirect(1);
    const after = clients.of('alice', { storage, url: `http://127.0.0.1:${proxy.port}/graphql` });
    const room = after.conversation(opened);
    room.messages.subscribe(() => undefined);
    await eventually(() => expect(after.inbox.entries.length).toBeGreaterThanOrEqual(50));
    expect(after.inbox.entries[0]?.lastMessage?.content).toBe(BEFORE);
    expect([after.status.value === 'live', room.messages.value.messages]).toEqual([false, []]);
    proxy.redirect(service.service.port);
    await live(after);
    await loadAll(after);
    await eventually(async () => expect(shown(after)).toEqual(await stored()));
    await shows(after, opened, AFTER);
    expect(after.conversation(ids[3] ?? '').entry.value).toBeNull();
  });

  inChromium(
    'a page in Chromium has its list on the screen before the history, and then all that changed',
    async () => {
      const page = await open();
      await eventually(async () => expect(await on(page)).toMatchObject({ status: 'live', history: AFTER }));
      const { listAt, historyAt, now } = await on(page);
      expect(now).toBeGreaterThanOrEqual(service.clock.now() - DAYS_MS / 3);
      expect(listAt).not.toBeNull();
      expect(historyAt).toBeGreaterThan(listAt ?? 0);
      await page.evaluate('loadAll()');
      await eventually(async () => {
        const { unread, rows } = await on(page);
        expect({ unread, rows }).toEqual(await stored());
      });
      // Once more, and without a network: what is on the screen then is what was kept.
      await page.close();
      proxy.redirect(1);
      const offline = await open();
      await eventually(async () => expect((await on(offline)).rows.length).toBeGreaterThanOrEqual(50));
      expect(await on(offline)).toMatchObject({ history: [], historyAt: null });
      expect((await on(offline)).status).not.toBe('live');
      proxy.redirect(service.service.port);
      await eventually(async () => expect(await on(offline)).toMatchObject({ status: 'live', history: AFTER }));
    },
  );
});
