/** The example chat: it builds, and two people use it in Chromium. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { CHROMIUM } from '../client/serve-page.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const AXE = await readFile(`${ROOT}node_modules/axe-core/axe.min.js`, 'utf8');
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };
/** Where to leave screenshots; unset: nowhere. */
const SHOTS = process.env['SCREENSHOTS'];
const inChromium = CHROMIUM ? describe : describe.skip;

inChromium('the example chat', () => {
  let built: string;
  let files: Server;
  let origin: string;
  let service: TestService;
  let network: TcpProxy;
  let browser: Browser;
  const faults: string[] = [];
  beforeAll(async () => {
    built = await mkdtemp(`${tmpdir()}/chat-`);
    const flags = ['build', '--config', 'examples/chat/vite.config.ts', '--outDir', built];
    await promisify(execFile)(`${ROOT}node_modules/.bin/vite`, flags, { cwd: ROOT });
    files = createServer((request, response) => {
      const path = new URL(request.url ?? '', 'http://localhost').pathname.replace(/\/$/, '/index.html');
      readFile(built + path).then(
        (body) => response.setHeader('content-type', TYPES[path.split('.').pop() ?? ''] ?? '').end(body),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
    service = await startTestService({ env: { ALLOWED_ORIGINS: origin } });
    network = await startTcpProxy(service.service.port);
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    await network.close();
    await service.close();
    files.closeAllConnections();
    files.close();
    await rm(built, { recursive: true });
  });

  async function signIn(userId: string, port: number): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(`${origin}/?url=${encodeURIComponent(`http://127.0.0.1:${port}/graphql`)}`);
    await page.getByLabel('Token').fill(await service.token(userId));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await says(page, '.status', 'live');
    return page;
  }
  const says = (page: Page, selector: string, text: string): Promise<void> =>
    eventually(async () => expect(await page.locator(selector).textContent()).toContain(text));
  const lists = (page: Page, ...contents: string[]): Promise<void> =>
    eventually(async () => expect(await page.locator('section .content').allTextContents()).toEqual(contents));
  async function write(page: Page, text: string): Promise<void> {
    await page.getByLabel('Message', { exact: true }).fill(text);
    await page.getByLabel('Message', { exact: true }).press('Enter');
  }

  it('the chat example works for two users, over a disconnect and a reload', async () => {
    const alice = await signIn('alice', service.service.port);
    const bob = await signIn('bob', network.port);
    await alice.getByLabel('Write to').fill('bob');
    await alice.getByRole('button', { name: 'Begin' }).click();
    await lists(alice, 'Hello');
    await bob.locator('.entry').click();
    await lists(bob, 'Hello');
    await says(alice, '.read', 'Read by bob');
    await bob.getByLabel('Message', { exact: true }).pressSequentially('Hi');
    await says(alice, 'section .typing', 'bob typing');
    await bob.getByLabel('Message', { exact: true }).press('Enter');
    await lists(alice, 'Hello', 'Hi');

    network.redirect(1);
    await says(bob, '.status', 'offline');
    await write(bob, 'kept');
    await write(alice, 'missed');
    await lists(alice, 'Hello', 'Hi', 'missed');
    await bob.reload();
    network.redirect(service.service.port);
    await says(bob, '.status', 'live');
    await bob.locator('.entry').click();
    await lists(bob, 'Hello', 'Hi', 'missed', 'kept');
    await lists(alice, 'Hello', 'Hi', 'missed', 'kept');

    for (const [width, colorScheme] of [
      [1_200, 'light'],
      [390, 'dark'],
    ] as const) {
      await bob.setViewportSize({ width, height: 800 });
      await bob.emulateMedia({ colorScheme });
      await bob.evaluate(AXE);
      const broken = 'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + nodes[0].html))';
      expect([colorScheme, await bob.evaluate(broken)]).toEqual([colorScheme, []]);
      if (SHOTS) await bob.screenshot({ path: `${SHOTS}/chat-${colorScheme}.png` });
      expect(await bob.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    }
    await bob.getByRole('button', { name: 'Sign out' }).click();
    await eventually(async () => expect(await bob.getByLabel('Token').count()).toBe(1));
    expect(faults).toEqual([]);
  });
});
