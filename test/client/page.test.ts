/** The client in Chromium: hooks in strict mode, IndexedDB and Web Locks, two tabs of one user and a peer elsewhere. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Realtime } from '../../client/src/index.ts';
import { createConversation, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, live, shows } from './clients.ts';
import { CHROMIUM, type Pages, servePage } from './serve-page.ts';

const inChromium = CHROMIUM ? describe : describe.skip;

inChromium('the client in Chromium', () => {
  let nodes: Nodes;
  let network: TcpProxy;
  let pages: Pages;
  let browser: Browser;
  let context: BrowserContext;
  let id: string;
  const clients = clientsOf(() => nodes.here);

  beforeAll(async () => {
    pages = await servePage('page.ts');
    nodes = await startNodes('two nodes on one Redis', { ALLOWED_ORIGINS: pages.origin });
    network = await startTcpProxy(nodes.there.service.port);
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    context = await browser.newContext();
    ({ id } = await createConversation(user(nodes.here, 'alice'), { memberIds: ['bob'], name: 'Team' }));
  });
  afterAll(async () => {
    clients.close();
    await browser.close();
    pages.close();
    await network.close();
    await nodes.close();
  });

  async function openTab(): Promise<Page> {
    const tab = await context.newPage();
    const url = `http://127.0.0.1:${network.port}/graphql`;
    const search = new URLSearchParams({ url, token: await nodes.there.token('bob'), conversation: id, peer: 'alice' });
    await tab.goto(`${pages.origin}/?${search}`);
    return tab;
  }
  const textOf = (tab: Page, selector: string): Promise<string | null> => tab.locator(selector).textContent();
  const says = (tab: Page, selector: string, text: string): Promise<void> =>
    eventually(async () => expect(await textOf(tab, selector)).toBe(text));
  const lists = (tab: Page, ...contents: string[]): Promise<void> =>
    eventually(async () => {
      expect(await tab.locator('li').allTextContents()).toEqual(contents);
      expect(await tab.locator('li:not([data-status=sent])').count()).toBe(0);
    });
  const send = (tab: Page, content: string): Promise<void> =>
    tab.evaluate(
      ([to, text]) =>
        (globalThis as unknown as { chat: Realtime }).chat
          .conversation(to ?? '')
          .send(text ?? '')
          .then(() => undefined),
      [id, content],
    );

  it('each tab shows the state of the hooks, and sends what a closed tab left unsent', async () => {
    const alice = await live(clients.of('alice'));
    const [one, two] = [await openTab(), await openTab()];
    for (const tab of [one, two]) {
      await says(tab, '#status', 'live');
      await says(tab, '#list', 'Team');
      await says(tab, '#presence', 'ONLINE');
    }
    await alice.conversation(id).send('Hello');
    for (const tab of [one, two]) await says(tab, '#unread', '1');
    await one.locator('#read').click();
    for (const tab of [one, two]) await says(tab, '#unread', '0');
    await eventually(() =>
      expect(alice.conversation(id).receipts.value).toContainEqual({ userId: 'bob', sequence: 1 }),
    );
    alice.conversation(id).setTyping(true);
    await says(one, '#typing', 'alice');
    async function* answer() {
      yield 'So ';
      await says(one, '#streaming', 'So ');
      yield 'it is';
    }
    await alice.conversation(id).stream(answer());
    await lists(one, 'Hello', 'So it is');

    network.redirect(1);
    await says(one, '#status', 'offline');
    await send(one, 'from a tab that is closed');
    await one.close();
    await alice.conversation(id).send('meanwhile');
    await eventually(() => expect(alice.unsent).toBe(0));
    network.redirect(nodes.there.service.port);
    await lists(two, 'Hello', 'So it is', 'meanwhile', 'from a tab that is closed');
    await shows(alice, id, ['Hello', 'So it is', 'meanwhile', 'from a tab that is closed']);

    // What was kept is on the screen before there is a connection.
    network.redirect(1);
    const three = await openTab();
    await says(three, '#list', 'Team');
    expect(await textOf(three, '#status')).not.toBe('live');
    network.redirect(nodes.there.service.port);
    await lists(three, 'Hello', 'So it is', 'meanwhile', 'from a tab that is closed');
  });
});
