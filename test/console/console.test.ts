/** The built console and GraphiQL in Chromium. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';

/** Installed by `scripts/provide-chromium.sh`, which `npm run test:browser` calls. */
const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium'].find((path) => path && existsSync(path));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const AXE = readFileSync(`${ROOT}node_modules/axe-core/axe.min.js`, 'utf8');
const LOOKS = [
  { colorScheme: 'light', viewport: { width: 1_280, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 1_280, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
] as const;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

const inChromium = CHROMIUM ? describe : describe.skip;

inChromium('the console', () => {
  let service: TestService;
  let browser: Browser;
  let context: BrowserContext;
  /** What a page was refused by its policy, threw, or asked of another host. */
  const faults: string[] = [];

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, ['--no-warnings', `${ROOT}scripts/build-console.ts`, '--if-needed'], {
      env: { ...process.env, CONSOLE: 'true' },
    });
    service = await startTestService();
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    await service.close();
  });
  beforeEach(() => {
    faults.length = 0;
  });
  afterEach(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });

  const home = (): string => service.url.replace('127.0.0.1', 'localhost');
  const watch = (page: Page): void => {
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (said) => said.type() === 'error' && faults.push(said.text()));
    page.on('request', (request) => {
      const { protocol, host } = new URL(request.url());
      if (/^(http|ws)/.test(protocol) && host !== new URL(home()).host) faults.push(request.url());
    });
  };
  async function open(look: (typeof LOOKS)[number] = LOOKS[0]): Promise<Page> {
    context = await browser.newContext(look);
    const page = await context.newPage();
    watch(page);
    await page.goto(home());
    for (const pane of [0, 1]) await shows(page.locator('section.pane').nth(pane), '.pill[data-status=live]', 'live');
    return page;
  }
  const pane = (page: Page, userId: string): Locator => page.getByRole('region', { name: userId, exact: true });
  const textsOf = (of: Locator): Promise<string[]> => of.locator('.content').allTextContents();
  const shows = (of: Locator, selector: string, text: string): Promise<void> =>
    eventually(async () => expect((await of.locator(selector).allTextContents()).join('\n')).toContain(text));
  /** By the keyboard: what is clicked may move away meanwhile, since others write. */
  const press = (what: Locator): Promise<void> => what.press('Enter');
  async function write(of: Locator, text: string): Promise<void> {
    await of.getByRole('textbox').fill(text);
    await of.getByRole('textbox').press('Enter');
  }
  async function faultsOfAxe(page: Page): Promise<string[]> {
    await page.evaluate(AXE);
    const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as Violation[];
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  }

  it('two users chat, type, read and react, and see an assistant’s message while it is written', async () => {
    const page = await open();
    const [alice, bob] = [pane(page, 'alice'), pane(page, 'bob')];
    await alice.getByRole('textbox').pressSequentially('Hello');
    await shows(bob, '.typing', 'alice is typing');
    await alice.getByRole('textbox').press('Enter');
    await shows(bob, '.content', 'Hello');
    await shows(bob, '.unread', '1 unread');
    await bob.getByRole('log').focus();
    await shows(alice, '.read', 'read by bob');
    await press(bob.getByRole('button', { name: /^👍 0/ }));
    await eventually(async () => expect(await alice.getByRole('button', { name: /^👍 1/ }).count()).toBe(1));
    await press(alice.getByRole('button', { name: 'Ask the assistant' }));
    await shows(bob, '.state', 'is being written');
    await press(bob.getByRole('button', { name: 'Stop' }));
    // The bundled answer has these words, too.
    const states = alice.locator('.state', { hasText: 'is being written' });
    await eventually(async () => expect(await states.count()).toBe(0));
    await eventually(async () => expect(await textsOf(alice)).toEqual(await textsOf(bob)));
    expect(await textsOf(alice)).toHaveLength(3);
  });

  it('one connection is cut and reconnected: the page shows the recovered messages', async () => {
    const page = await open();
    const [alice, bob] = [pane(page, 'alice'), pane(page, 'bob')];
    await press(bob.getByRole('switch'));
    await shows(bob, '.pill', 'offline');
    for (const text of ['One', 'Two', 'Three']) await write(alice, text);
    await shows(alice, '.content', 'Three');
    await eventually(async () => expect(await alice.locator('[data-status=sending]').count()).toBe(0));
    await write(bob, 'Meanwhile');
    await shows(bob, '.state', 'waits to be sent');
    await press(bob.getByRole('switch'));
    await shows(bob, '.recovered', 'Recovered 3 messages');
    await shows(alice, '.content', 'Meanwhile');
    await eventually(async () => expect((await textsOf(bob)).slice(-4)).toEqual(['One', 'Two', 'Three', 'Meanwhile']));
    await press(bob.locator('summary'));
    await bob.getByRole('tab', { name: 'Frames' }).press('ArrowRight');
    expect(await bob.getByRole('tab', { name: 'Positions' }).getAttribute('aria-selected')).toBe('true');
    await bob.getByRole('tab', { name: 'Positions' }).press('ArrowRight');
    await eventually(async () => expect(await bob.locator('tbody tr').count()).toBe(2));
  });

  it('by the keyboard the messages are one stop, with arrow keys inside; a long text stays; a reload recovers nothing', async () => {
    const page = await open();
    const [alice, bob] = [pane(page, 'alice'), pane(page, 'bob')];
    for (const text of ['First', 'Second']) await write(alice, text);
    await shows(bob, '.content', 'Second');
    await alice.getByRole('log').focus();
    await page.keyboard.press('Tab');
    const focused = (): Promise<string> =>
      page.evaluate('document.activeElement.getAttribute("aria-label") ?? document.activeElement.id');
    expect(await focused()).toBe('text-alice');
    await alice.getByRole('log').focus();
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toContain('👍 0, on "Second"');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toContain('🎉 0, on "First"');
    await page.keyboard.press('Enter');
    await eventually(async () => expect(await bob.getByRole('button', { name: /^🎉 1, on "First"/ }).count()).toBe(1));
    await page.keyboard.press('Escape');
    expect(await focused()).toContain('Messages as alice');
    await write(alice, 'x'.repeat(8_001));
    expect(await alice.getByRole('textbox').inputValue()).toHaveLength(8_001);
    await page.reload();
    for (const person of [alice, bob]) await shows(person, '.pill[data-status=live]', 'live');
    await shows(bob, '.content', 'Second');
    expect(await page.locator('.recovered').allTextContents()).toEqual(['', '']);
  });

  it.each(LOOKS)('axe reports no violation, and nothing is wider than the page: %j', async (look) => {
    const page = await open(look);
    const alice = pane(page, 'alice');
    await press(page.getByRole('button', { name: 'Add a user' }));
    await eventually(async () => expect(await page.locator('.users strong').allTextContents()).toContain('carol'));
    await write(alice, 'A word');
    await press(alice.locator('summary'));
    await press(pane(page, 'bob').getByRole('switch'));
    await shows(pane(page, 'bob'), '.recovered', 'is cut');
    for (const tab of ['Frames', 'Positions', 'Sockets']) {
      expect([tab, await faultsOfAxe(page)]).toEqual([tab, []]);
      await alice.getByRole('tab', { name: tab }).press('ArrowRight');
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(look.viewport.width);
  });

  it('takes pasted tokens and headers where the service issues none, and asks again when either is refused', async () => {
    const env = { NODE_ENV: 'production', CONSOLE: 'true' };
    const production = await startTestService({ env });
    try {
      context = await browser.newContext(LOOKS[2]);
      const page = await context.newPage();
      await page.goto(production.url.replace('127.0.0.1', 'localhost'));
      const begin = async (first: string, second: string): Promise<void> => {
        await page.getByLabel('Token of the first person').fill(first);
        await page.getByLabel('Token of the second person').fill(second);
        await page.keyboard.press('Enter');
      };
      const [alice, bob] = [await production.token('alice'), await production.token('bob')];
      await begin('no token', bob);
      await shows(page.locator('main'), '[role=alert]', 'three parts');
      await begin(`${alice}x`, bob);
      await shows(page.locator('main'), '[role=alert]', 'The token of alice was refused');
      await begin(alice, `${bob}x`);
      await shows(page.locator('main'), '[role=alert]', 'The token of bob was refused');
      expect(await faultsOfAxe(page)).toEqual([]);
      await begin(`  Bearer ${alice}\n`, bob);
      for (const userId of ['alice', 'bob']) await shows(pane(page, userId), '.pill[data-status=live]', 'live');
    } finally {
      await production.close();
    }
  });

  it('opens GraphiQL with the token filled in; queries and subscriptions work there', async () => {
    const page = await open();
    const [graphiql] = await Promise.all([
      context.waitForEvent('page'),
      press(page.getByRole('button', { name: 'GraphiQL as alice' })),
    ]);
    await graphiql.waitForURL(/\/graphql$/);
    watch(graphiql);
    await graphiql.reload();
    await graphiql.locator('.graphiql-query-editor .view-line').first().waitFor();
    // The editor has the focus. On a phone the panes stand one above the other.
    await eventually(async () => expect(await graphiql.locator('.graphiql-query-editor:focus-within').count()).toBe(1));
    await graphiql.setViewportSize({ width: 390, height: 844 });
    for (const part of ['.graphiql-query-editor', '.graphiql-response'])
      await eventually(async () => expect((await graphiql.locator(part).boundingBox())?.width).toBeGreaterThan(250));
    expect(await graphiql.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await graphiql.setViewportSize(LOOKS[0].viewport);
    expect(graphiql.url()).toBe(`${home()}/graphql`);
    const choose = async (operation: string): Promise<void> => {
      await press(graphiql.getByRole('button', { name: 'Execute query (Ctrl-Enter)' }));
      await press(graphiql.getByRole('menuitem', { name: operation, exact: true }));
    };
    const answers = (text: string): Promise<void> =>
      eventually(async () =>
        expect((await graphiql.locator('.graphiql-response').innerText()).replaceAll(/\s/g, '')).toContain(text),
      );
    await choose('Me');
    await answers('"id":"alice"');
    const isSubscribed = new Promise((resolve) =>
      graphiql.once('websocket', (socket) => socket.on('framesent', ({ payload }) => resolve(payload))),
    );
    await choose('Messages');
    await isSubscribed;
    await write(pane(page, 'bob'), 'heard in GraphiQL');
    await answers('"content":"heardinGraphiQL"');
  });
});
