/** A browser's own `EventSource`, behind a proxy that adds the token, as docs/clients.md says. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { type Restart, startRestart } from '../support/restart.ts';
import { newId } from '../support/service.ts';

/** Installed by `scripts/provide-chromium.sh`, which `npm run test:browser` calls. */
const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium'].find((path) => path && existsSync(path));
const PAGE = readFileSync(new URL('event-source-page.html', import.meta.url));

interface Asked {
  readonly lastEventId: string | null;
  readonly status: number;
}

/** Serves the page, and hands on the rest with the token of the user: to the page all of it is one origin. */
async function startFrontEnd(port: number, token: string) {
  const asked: Asked[] = [];
  const handOn = ({ url, headers }: IncomingMessage, response: ServerResponse): void => {
    const given = { ...headers, authorization: `Bearer ${token}` };
    const upstream = request({ host: '127.0.0.1', port, path: url, headers: given }, (answer) => {
      asked.push({ lastEventId: String(headers['last-event-id'] ?? ''), status: answer.statusCode ?? 0 });
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('error', () => undefined).pipe(response);
      answer.on('close', () => response.destroy());
    });
    upstream.on('error', () => response.destroy()).end();
    response.on('close', () => upstream.destroy());
  };
  const server = createServer((asking, response) => {
    if (asking.url?.startsWith('/graphql')) return handOn(asking, response);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    asked,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

(CHROMIUM ? describe : describe.skip)('EventSource in Chromium', () => {
  let nodes: Restart;
  beforeAll(async () => {
    // They come back after the time that a drain may take: none.
    nodes = await startRestart();
  });
  afterAll(() => nodes.close());

  it('resumes after its last event, over a lost connection and a restart', async () => {
    const { chromium } = await import('playwright-core');
    const { old, next, network } = nodes;
    const id = newId();
    await next.query('alice', `mutation { createConversation(input: {id: "${id}", memberIds: ["bob"]}) { id } }`);
    const send = (content: string) =>
      next.query('alice', `mutation { sendMessage(input: {conversationId: "${id}", content: "${content}"}) { id } }`);
    const frontEnd = await startFrontEnd(network.port, await old.token('bob'));
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      const shows = (expected: readonly string[]): Promise<void> =>
        eventually(async () => expect(await page.evaluate('window.contents')).toEqual(expected));
      const query = `subscription { messageReceived(conversationIds: ["${id}"]) { content } }`;
      await page.goto(`${frontEnd.origin}/?${new URLSearchParams({ query })}`);
      await eventually(() => expect(frontEnd.asked).toHaveLength(1));
      await send('one');
      await shows(['one']);
      network.redirect(old.service.port);
      await send('lost');
      await shows(['one', 'lost']);
      await nodes.restart();
      await send('away');
      await shows(['one', 'lost', 'SERVICE_UNAVAILABLE', 'away']);
      await send('live');
      await shows(['one', 'lost', 'SERVICE_UNAVAILABLE', 'away', 'live']);
      const { asked } = frontEnd;
      expect(asked.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(new Set(asked.map(({ lastEventId }) => lastEventId)).size).toBe(3);
    } finally {
      await browser.close();
      frontEnd.close();
    }
  });
});
