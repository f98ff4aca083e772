/** The hooks in React: rendered on a server, hydrated in Chromium, in strict mode, with Suspense. */

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Browser, Page } from 'playwright-core';
import { createElement } from 'react';
import { renderToPipeableStream, renderToString } from 'react-dom/server';
import { createRealtime } from '../../client/src/index.ts';
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { App } from './react-app.ts';
import { CHROMIUM, type Pages, servePage } from './serve-page.ts';

/** A client of which nothing may be opened. */
const unopened = () => {
  const opened: string[] = [];
  class Forbidden {
    constructor() {
      opened.push('socket');
    }
  }
  const getToken = (): null => {
    opened.push('token');
    return null;
  };
  return { opened, chat: createRealtime({ url: 'http://127.0.0.1:1/graphql', getToken, webSocket: Forbidden }) };
};

describe('the hooks on a server', () => {
  it('render the empty state, with Suspense and as a stream, and open no connection', async () => {
    const { opened, chat } = unopened();
    const html = renderToString(createElement(App, { chat, id: 'team' }));
    expect(html).toContain('<p id="status">connecting</p>');
    expect(html).toContain('<ol id="waited"></ol>');
    const streamed = new PassThrough();
    renderToPipeableStream(createElement(App, { chat, id: 'team' })).pipe(streamed);
    expect(await text(streamed)).toContain('<ol id="waited"></ol>');
    expect([opened, chat.status.value]).toEqual([[], 'connecting']);
  });
});

const inChromium = CHROMIUM ? describe : describe.skip;

inChromium('the hooks in Chromium', () => {
  let service: TestService;
  let pages: Pages;
  let browser: Browser;
  let page: Page;
  let alice: string;
  let id: string;
  beforeAll(async () => {
    const markup = (url: string): string => {
      const given = new URLSearchParams(url.split('?')[1]);
      const conversation = given.get('conversation') ?? '';
      return given.get('rendered') === null
        ? ''
        : renderToString(createElement(App, { chat: unopened().chat, id: conversation }));
    };
    pages = await servePage('react-page.ts', markup);
    service = await startTestService({ env: { ALLOWED_ORIGINS: pages.origin } });
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  });
  beforeEach(async () => {
    alice = `alice-${newId()}`;
    ({ id } = await createConversation(user(service, alice), { name: 'Team' }));
    await send(user(service, alice), id, 'Hello');
  });
  afterEach(() => page.close());
  afterAll(async () => {
    await browser.close();
    pages.close();
    await service.close();
  });

  async function open(...flags: string[]): Promise<void> {
    const search = new URLSearchParams({
      url: `${service.url}/graphql`,
      token: await service.token(alice),
      conversation: id,
    });
    for (const flag of flags) search.set(flag, '');
    page = await browser.newPage();
    await page.goto(`${pages.origin}/?${search}`);
  }
  const says = (selector: string, expected: string): Promise<void> =>
    eventually(async () => expect(await page.locator(selector).textContent()).toBe(expected));
  const now = (what: string): Promise<unknown> => page.evaluate(what);

  it.each([
    ['rendered in the browser', []],
    ['rendered by a server, then hydrated', ['rendered']],
    ['rendered by a server, then hydrated with a live client', ['rendered', 'late']],
  ])('strict mode shows the same state over one socket, without an error of React: %s', async (_how, flags) => {
    await open(...flags);
    await says('#status', 'live');
    await says('#waited', 'HelloTeam');
    await says('#shown', 'Hello');
    await says('#presence', 'OFFLINE');
    expect(await page.locator('#fallback').count()).toBe(0);
    await send(user(service, alice), id, 'again');
    await says('#waited', 'HelloagainTeam');
    for (let n = 0; n < 3; n += 1) {
      await page.locator('#toggle').click();
      await page.locator('#toggle').click();
    }
    await says('#shown', 'Helloagain');
    await now('unmount()');
    expect([await now('sockets'), await now('faults')]).toEqual([1, []]);
  });

  it('show the Suspense fallback until the messages are loaded, also when there are none', async () => {
    const search = new URLSearchParams({
      url: 'http://127.0.0.1:1/graphql',
      token: await service.token(alice),
      conversation: id,
    });
    page = await browser.newPage();
    await page.goto(`${pages.origin}/?${search}`);
    await says('#fallback', 'loading');
    await says('#status', 'offline');
    await says('#fallback', 'loading');
    await page.close();
    ({ id } = await createConversation(user(service, alice), { name: 'Empty' }));
    await open();
    await eventually(async () => expect(await page.locator('#waited').textContent()).toContain('Empty'));
    await page.close();
    id = newId();
    await open();
    // There is no such conversation: the app is told so by `error`, and waits for nothing.
    await eventually(async () => expect(await page.locator('#waited').textContent()).toContain('Team'));
    expect(await now('faults')).toEqual([]);
  });
});
