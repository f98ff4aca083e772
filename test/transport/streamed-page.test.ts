/** A plain page in Chromium, with the browser build of graphql-ws, that shows a message while it is streamed. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createConversation } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { startNodes } from '../support/nodes.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

/** Installed by `scripts/provide-chromium.sh`, which `npm run test:browser` calls. */
const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium'].find((path) => path && existsSync(path));
const START = 'mutation ($input: SendMessageInput!) { startMessage(input: $input) { id } }';
const APPEND = `mutation ($id: ID!, $offset: Int!, $text: String!) {
  appendToMessage(id: $id, offset: $offset, text: $text) { length }
}`;
const CUTS = 5;
const BITS = ['One ', '\u{1F389} two', ' e', '\u0301', '\n\tthree ', '\u6F22\u5B57 '];

const FILES: Readonly<Record<string, readonly [type: string, file: URL]>> = {
  '/': ['text/html', new URL('streamed-page.html', import.meta.url)],
  '/graphql-ws.js': ['text/javascript', new URL('../../node_modules/graphql-ws/umd/graphql-ws.js', import.meta.url)],
};

/** Serves the page, as another origin than the service. */
async function servePage(): Promise<{ origin: string; close(): void }> {
  const server = createServer(({ url = '' }, response) => {
    const [type, file] = FILES[url.split('?')[0] ?? ''] ?? [];
    if (!type || !file) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const inChromium = CHROMIUM ? describe : describe.skip;

inChromium.each(['embedded', 'two nodes on one Redis'] as const)('a page in Chromium, %s', (setting) => {
  it('G20: shows the right text of an answer over five disconnects', async () => {
    const { chromium } = await import('playwright-core');
    const pages = await servePage();
    const nodes = await startNodes(setting, { ALLOWED_ORIGINS: pages.origin });
    const network = await startTcpProxy(nodes.there.service.port);
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    const alice = await nodes.here.connect('alice');
    try {
      const page = await browser.newPage();
      const search = new URLSearchParams({
        url: `ws://127.0.0.1:${network.port}/graphql`,
        token: await nodes.here.token('bob'),
      });
      const { id: conversationId } = await createConversation(alice, { memberIds: ['bob'] });
      const { data } = await alice.query(START, { input: { conversationId, content: 'So: ' } });
      const { id } = data.startMessage;
      let text = 'So: ';
      const append = async (bit: string): Promise<void> => {
        const { errors } = await alice.query(APPEND, { id, offset: [...text].length, text: bit });
        expect(errors).toBeUndefined();
        text += bit;
      };
      const isShown = (): Promise<void> =>
        eventually(async () => expect(await page.locator('#text').textContent()).toBe(text));
      await page.goto(`${pages.origin}/?${search}`);
      await isShown();
      for (let cut = 1; cut <= CUTS; cut += 1) {
        for (const bit of BITS) await append(bit);
        network.redirect(nodes.there.service.port);
        // Written while nobody reads.
        await append(`cut ${cut}. `);
        await eventually(async () => expect(await page.evaluate('window.closes')).toBeGreaterThanOrEqual(cut));
        await isShown();
      }
      await append('The end.');
      await alice.query('mutation ($id: ID!) { finishMessage(id: $id) { id } }', { id });
      await isShown();
      const stored = await nodes.there.query('bob', 'query ($id: ID!) { message(id: $id) { content state } }', { id });
      expect(stored.data.message).toEqual({ content: text, state: 'COMPLETE' });
      for (const shown of (await page.evaluate('window.shown')) as string[]) expect(text.startsWith(shown)).toBe(true);
    } finally {
      await browser.close();
      await alice.close();
      await network.close();
      await nodes.close();
      pages.close();
    }
  });
});
