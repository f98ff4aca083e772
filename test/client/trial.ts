/** Two pages in Chromium on two nodes, which write to each other while everything between them fails in turn. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { signToken } from '../../src/access/tokens.ts';
import { eventually, PATIENCE_MS } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Gateway, placeForGateway, startGateway } from '../support/gateway.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { type Data, newId, SECRET } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Pages } from './serve-page.ts';
import type { ShownRoom, TrialPage } from './trial-page.ts';

export const ROUTES = ['directly', 'through the example gateway'] as const;
export type Route = (typeof ROUTES)[number];
export type TrialClient = 'the client' | 'Apollo Client' | 'urql';

export const FAULTS = ['offline', 'kill', 'expire', 'reload', 'redis', 'cut'] as const;
export type Fault = (typeof FAULTS)[number];

const LONG_S = 3_600;
/** Of a token that ends while its page writes. */
const SHORT_S = 2;
const PAGE_OF_MESSAGES = 500;
/** Each look costs a round trip to the browser: at 10 ms the looks would cost more than the messages. */
const LOOK_EVERY_MS = 100;
const CREATE = `mutation ($id: ID!, $users: [ID!]!) {
  createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: $users}) { id }
}`;
const MESSAGES = `query ($id: ID!, $first: Int!, $after: String) { conversation(id: $id) {
  unreadMessageCount
  messages(first: $first, after: $after) {
    nodes { sequence senderId content } pageInfo { hasNextPage endCursor }
  }
} }`;
const LIST = '{ viewer { unreadMessageCount inbox { edges { node { conversation { id } } } } } }';

/** One of the two: a node of their own, a network to it, a browser. */
class Person {
  readonly id: string;
  readonly env: Readonly<Record<string, string>>;
  /** What may be in the outbox or sent: a page that is closed meanwhile keeps a part of it. */
  readonly written: { readonly room: string; readonly text: string }[] = [];
  lifeS = LONG_S;
  #service: Program | null = null;
  #gateway: Gateway | null = null;
  #proxy: TcpProxy | null = null;
  #context: BrowserContext | null = null;
  #page: Page | null = null;

  constructor(id: string, env: Readonly<Record<string, string>>) {
    this.id = id;
    this.env = env;
  }

  get page(): Page {
    if (!this.#page) throw new Error('There is no page yet.');
    return this.#page;
  }
  get context(): BrowserContext {
    if (!this.#context) throw new Error('There is no page yet.');
    return this.#context;
  }

  async start(route: Route): Promise<void> {
    await this.serve();
    const port = Number(this.env['PORT']);
    if (route !== 'directly') {
      const env = { SUBSCRIPTION_MODE: 'ws' };
      this.#gateway = await startGateway(await placeForGateway(), `http://127.0.0.1:${port}`, env);
    }
    this.#proxy = await startTcpProxy(this.#gateway ? Number(new URL(this.#gateway.url).port) : port);
  }

  async serve(): Promise<void> {
    this.#service = await startProgram('src/main.ts', this.env, /service started/);
  }

  async kill(): Promise<void> {
    await this.#service?.stop('SIGKILL');
  }

  /** Ends all connections of the page; the next ones work. */
  cut(): void {
    this.#proxy?.redirect(Number(this.#gateway ? new URL(this.#gateway.url).port : this.env['PORT']));
  }

  async open(browser: Browser, { origin }: Pages, given: Readonly<Record<string, string>>): Promise<void> {
    this.#context = await browser.newContext();
    await this.#context.exposeFunction('tokenOf', () => this.token(this.lifeS));
    this.#page = await this.#context.newPage();
    const url = `http://127.0.0.1:${this.#proxy?.port}/graphql`;
    await this.#page.goto(`${origin}/?${new URLSearchParams({ ...given, url })}`);
  }

  token(lifeS: number): Promise<string> {
    return signToken({ secret: SECRET, userId: this.id, expiresAt: Math.floor(Date.now() / 1_000) + lifeS });
  }

  ask<Answer>(what: (trial: TrialPage) => Answer): Promise<Awaited<Answer>> {
    return this.page.evaluate(`(${what})(trial)`) as Promise<Awaited<Answer>>;
  }

  /** Waits in the page until this is true of `now`, and answers how much is unsent. */
  async until(condition: string): Promise<number> {
    const look = `(() => { const now = trial.now(); return (${condition}) && { unsent: now.unsent }; })()`;
    const limits = { polling: LOOK_EVERY_MS, timeout: PATIENCE_MS };
    const seen = await this.page.waitForFunction(look, null, limits).catch(async (cause: Error) => {
      const now = await this.ask((trial) => [trial.now(), trial.failed()]);
      throw new Error(`${this.id}: not ${condition}, but ${JSON.stringify(now)}`, { cause });
    });
    const { unsent } = (await seen.jsonValue()) as { readonly unsent: number };
    await seen.dispose();
    return unsent;
  }

  /** What its outbox kept for sure, or the service: the page has noted it where a reload loses nothing. */
  async kept(): Promise<Set<string>> {
    return new Set(await this.page.evaluate<string[]>('Object.keys(localStorage)'));
  }

  /** Fails when the page is closed meanwhile, as a tab that is reloaded. */
  async write(texts: readonly { readonly room: string; readonly text: string }[]): Promise<void> {
    this.written.push(...texts);
    await this.page.evaluate(`trial.write(${JSON.stringify(texts)})`).catch((error: Error) => {
      if (!/context was destroyed|navigation/i.test(error.message)) throw error;
    });
  }

  async query(query: string, variables: object = {}): Promise<Data> {
    const response = await fetch(`http://127.0.0.1:${this.env['PORT']}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await this.token(LONG_S)}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { readonly data?: Data; readonly errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  async close(): Promise<void> {
    await this.#context?.close();
    await this.#proxy?.close();
    await this.#gateway?.close();
    await this.#service?.stop();
  }
}

export interface TrialOptions {
  readonly browser: Browser;
  readonly pages: Pages;
  readonly route: Route;
  readonly client: TrialClient;
}

export class Trial {
  readonly rooms = [newId(), newId(), newId()];
  readonly #options: TrialOptions;
  readonly #people: Person[] = [];
  #redis: RedisServer | null = null;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /** How many messages were in an outbox for sure. */
  async kept(): Promise<number> {
    const kept = await Promise.all(this.#people.map((person) => person.kept()));
    return kept.reduce((sum, { size }) => sum + size, 0);
  }

  async begin(): Promise<void> {
    const { browser, pages, route, client } = this.#options;
    // It writes to its file before it answers, so it still has all of that after it was killed. Only a machine that fails
    // needs `appendfsync`.
    this.#redis = await startRedisServer('--appendonly', 'yes', '--appendfsync', 'no');
    for (const name of ['alice', 'bob']) {
      const person = new Person(`${name}-${newId()}`, {
        PORT: String(await freePort()),
        REDIS_URL: this.#redis.url,
        JWT_SECRET: SECRET,
        RATE_LIMIT_ENABLED: 'false',
        ALLOWED_ORIGINS: pages.origin,
        DRAIN_WINDOW: '0ms',
        CONSOLE: 'false',
      });
      this.#people.push(person);
      await person.start(route);
    }
    const users = this.#people.map(({ id }) => id);
    for (const id of this.rooms) await this.#people[0]?.query(CREATE, { id, users: users.slice(1) });
    for (const person of this.#people) await person.open(browser, pages, { rooms: this.rooms.join(), client });
    await this.rest();
  }

  /** Both write these texts, in the rooms of these numbers, while something fails. */
  async round(fault: Fault, who: number, texts: readonly (readonly { room: number; text: string }[])[]): Promise<void> {
    const victim = this.#people[who];
    if (!victim) throw new Error('There are two people.');
    const writing = this.#people.map((person, index) =>
      person.write((texts[index] ?? []).map(({ room, text }) => ({ room: this.rooms[room] ?? '', text }))),
    );
    await this.#fail(fault, victim);
    await Promise.all(writing);
  }

  async read(who: number, room: number): Promise<void> {
    await this.#people[who]?.page.evaluate(`trial.read(${JSON.stringify(this.rooms[room])})`);
  }

  /** Until both are live and nothing waits to be sent. As long as there is less to send it may take its time. */
  async rest(): Promise<void> {
    for (const person of this.#people) {
      for (let left = Number.MAX_SAFE_INTEGER; left > 0; )
        left = await person.until(`now.unsent === 0 ? now.status === 'live' : now.unsent < ${left}`);
      expect(await person.ask((trial) => trial.failed())).toEqual([]);
    }
  }

  /** What is missing, doubled, out of order or counted wrong; empty: nothing. */
  async differences(): Promise<string[]> {
    await this.rest();
    const found: string[] = [];
    for (const person of this.#people) {
      let differences: string[] = [];
      // A read position is told soon, not at once.
      await eventually(async () => {
        differences = await this.#differencesOf(person);
        expect(differences).toEqual([]);
      }, 20_000).catch(() => undefined);
      found.push(...differences);
    }
    return [...found, ...(await this.#unlikeWritten())];
  }

  async end(): Promise<void> {
    for (const person of this.#people) await person.close();
    await this.#redis?.stop();
  }

  async #fail(fault: Fault, victim: Person): Promise<void> {
    switch (fault) {
      case 'offline':
        await victim.context.setOffline(true);
        // A browser that is offline keeps the sockets that it has: the network ends them.
        await eventually(async () => {
          // A socket that was opening is there a moment later.
          victim.cut();
          expect((await victim.ask((trial) => trial.now())).status).toBe('offline');
        });
        return victim.context.setOffline(false);
      case 'kill':
        await victim.kill();
        return victim.serve();
      case 'expire':
        victim.lifeS = SHORT_S;
        victim.cut();
        await victim.until("now.status === 'live'");
        victim.lifeS = LONG_S;
        return;
      case 'reload':
        await victim.page.reload();
        return;
      case 'redis':
        return this.#redis?.restart();
      case 'cut':
        return victim.cut();
    }
  }

  async #stored(person: Person, id: string): Promise<Data> {
    const messages: Data[] = [];
    let after: string | null = null;
    for (;;) {
      const { conversation } = await person.query(MESSAGES, { id, first: PAGE_OF_MESSAGES, after });
      messages.push(...conversation.messages.nodes);
      after = conversation.messages.pageInfo.endCursor;
      if (!conversation.messages.pageInfo.hasNextPage) return { unread: conversation.unreadMessageCount, messages };
    }
  }

  async #differencesOf(person: Person): Promise<string[]> {
    const differences: string[] = [];
    const differ = (what: string, is: unknown, should: unknown): void => {
      if (JSON.stringify(is) !== JSON.stringify(should))
        differences.push(`${person.id} ${what}: ${firstUnlike(is, should)}`);
    };
    const shown = await person.ask((trial) => trial.shown());
    for (const room of shown.rooms as readonly ShownRoom[]) {
      const stored = await this.#stored(person, room.id);
      const rows = stored.messages.map(({ sequence, senderId, content }: Data) => [sequence, senderId, content]);
      differ(`messages of ${room.id}`, room.messages, rows);
      differ(`unread of ${room.id}`, room.unread, stored.unread);
    }
    const { viewer } = await person.query(LIST);
    differ('unread', shown.unread, viewer.unreadMessageCount);
    differ(
      'order',
      shown.order,
      viewer.inbox.edges.map(({ node }: Data) => node.conversation.id),
    );
    return differences;
  }

  /** All that was kept is stored once, in the order in which it was written. */
  async #unlikeWritten(): Promise<string[]> {
    const found: string[] = [];
    const [reader] = this.#people;
    if (!reader) return [];
    for (const person of this.#people) {
      const kept = await person.kept();
      for (const id of this.rooms) {
        const { messages } = await this.#stored(reader, id);
        const stored = messages
          .filter(({ senderId }: Data) => senderId === person.id)
          .map(({ content }: Data) => content);
        const written = person.written.filter(({ room }) => room === id).map(({ text }) => text);
        const isStored = new Set<string>(stored);
        if (isStored.size !== stored.length) found.push(`${person.id}: something is stored twice in ${id}`);
        const expected = written.filter((text) => isStored.has(text));
        if (JSON.stringify(expected) !== JSON.stringify(stored))
          found.push(`${person.id}: ${firstUnlike(stored, expected)}`);
        found.push(
          ...written.filter((text) => kept.has(text) && !isStored.has(text)).map((text) => `missing: ${text}`),
        );
      }
    }
    return found;
  }
}

/** The first place at which two lists differ, or the values themselves. */
function firstUnlike(is: unknown, should: unknown): string {
  if (!Array.isArray(is) || !Array.isArray(should)) return `${JSON.stringify(is)} is ${JSON.stringify(should)}`;
  const at = is.findIndex((value, index) => JSON.stringify(value) !== JSON.stringify(should[index]));
  const place = at < 0 ? is.length : at;
  return `${is.length} for ${should.length}; at ${place} ${JSON.stringify(is[place])} is ${JSON.stringify(should[place])}`;
}
