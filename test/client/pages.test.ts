/** What the client reads page by page, while its connection comes and goes. */
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, contentsOf, live } from './clients.ts';

/** A connection that breaks, or is refused something once, when the list is asked for the first time. */
function failingFirst(fail: (socket: WebSocket, id: string) => void) {
  let failures = 0;
  class Failing extends WebSocket {
    override send(data: string): void {
      if (!data.includes('query InboxPage') || failures > 0) return super.send(data);
      failures += 1;
      fail(this, JSON.parse(data).id);
    }
  }
  return { webSocket: Failing, failures: () => failures };
}

/** Connections on which the answer to the first page past the beginning is held back, and this is told meanwhile by the inbox. */
function holdingMore() {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  /** From where each page was asked. */
  const asked: (string | null)[] = [];
  const sockets: WebSocket[] = [];
  let frame: object | null = null;
  let stream = '';
  class Holding extends WebSocket {
    #held: string | null = null;
    constructor(url: string, protocols: string) {
      super(url, protocols);
      sockets.push(this);
      this.addEventListener('message', (event) => {
        const { id, type } = JSON.parse(event.data);
        if (id === undefined || id !== this.#held) return;
        event.stopImmediatePropagation();
        if (type === 'next') tell(this, { id: stream, ...frame });
        void released.then(() => {
          this.#held = null;
          tell(this, JSON.parse(event.data));
        });
      });
    }
    override send(data: string): void {
      const { id, payload } = JSON.parse(data);
      if (data.includes('subscription Inbox')) stream = id;
      if (data.includes('query InboxPage')) {
        const { after } = payload.variables;
        if (after !== null && !asked.some((place) => place !== null)) this.#held = id;
        asked.push(after);
      }
      super.send(data);
    }
  }
  const whileHeld = (told: object): void => {
    frame = told;
  };
  return { webSocket: Holding, sockets, asked, whileHeld, release: () => release() };
}
const tell = (socket: WebSocket, frame: object): boolean =>
  socket.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }));

/** Less than a request has to be answered in. */
const IN_TIME_MS = 9_000;
const REFUSED = { message: 'Later.', extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 10 } };

describe('pages of the client', () => {
  let service: TestService;
  let proxy: TcpProxy;
  let alice: string;
  const clients = clientsOf(() => service);
  beforeAll(async () => {
    service = await startTestService({ env: { RATE_LIMIT_ENABLED: 'false' } });
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(() => {
    alice = `alice-${newId()}`;
  });
  afterEach(() => clients.close());
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });

  it('loadOlder and loadMore wait while offline: a loop over all pages neither spins nor ends early', async () => {
    const by = user(service, alice);
    const { id } = await createConversation(by);
    const contents = Array.from({ length: 120 }, (_, n) => `${n}`);
    for (const content of contents) await send(by, id, content);
    for (let n = 0; n < 60; n += 1) await createConversation(by);
    const chat = await live(clients.of(alice, { url: `http://127.0.0.1:${proxy.port}/graphql` }));
    const room = chat.conversation(id);
    room.messages.subscribe(() => undefined);
    await eventually(() => expect(room.messages.value.messages).toHaveLength(50));
    proxy.redirect(1);
    await eventually(() => expect(chat.status.value).toBe('offline'));
    const loading = (async () => {
      while (room.messages.value.hasOlder) await room.loadOlder();
      while (chat.inbox.value.hasMore) await chat.inbox.loadMore();
    })();
    proxy.redirect(service.service.port);
    await loading;
    expect(contentsOf(room.messages.value.messages)).toEqual(contents);
    expect(chat.inbox.entries).toHaveLength(61);
  });

  it.each([
    ['breaks', (socket: WebSocket) => socket.close()],
    ['is refused', (socket: WebSocket, id: string) => tell(socket, { id, type: 'error', payload: [REFUSED] })],
  ] as const)('the list is read again when its first read %s', async (_, fail) => {
    const { id } = await createConversation(user(service, alice));
    const { webSocket, failures } = failingFirst(fail);
    const chat = await live(clients.of(alice, { webSocket }));
    await eventually(() => expect(chat.inbox.entries.map(({ conversation }) => conversation.id)).toEqual([id]));
    expect([failures(), chat.status.value]).toEqual([1, 'live']);
  });

  /** A list of two pages, the second of which is on its way when this is told. The first conversation has a message. */
  async function withMoreOnItsWay(told: (first: string) => object, isAfterCut: boolean) {
    const by = user(service, alice);
    for (let n = 0; n < 59; n += 1) await createConversation(by);
    const first = await createConversation(by);
    await send(by, first.id, 'Hello');
    const { webSocket, sockets, asked, whileHeld, release } = holdingMore();
    const chat = await live(clients.of(alice, { webSocket }));
    const ids = () => chat.inbox.entries.map(({ conversation }) => conversation.id);
    expect([asked, ids()[0]]).toEqual([[null], first.id]);
    whileHeld(told(first.id));
    if (isAfterCut) {
      sockets.at(-1)?.close();
      await eventually(() => expect(chat.status.value).toBe('offline'));
    }
    const loading = chat.inbox.loadMore();
    await eventually(() => expect(asked.slice(1)).toContain(null), IN_TIME_MS);
    return { chat, first: chat.conversation(first.id), asked, ids, loading, release };
  }

  it('a reset while the next page is being read restarts the list from its first page', async () => {
    const { first, ids, loading, release } = await withMoreOnItsWay((conversationId) => {
      const inbox = { __typename: 'ConversationReset', conversationId, reset: 'DIVERGED' };
      return { type: 'next', payload: { data: { inbox } } };
    }, false);
    await eventually(() => expect(first.entry.value?.lastMessage?.content).toBe('Hello'));
    release();
    await loading;
    expect(ids()).toHaveLength(60);
  });

  it('a page requested before POSITION_EXPIRED is requested again', async () => {
    const expired = { message: 'Gone.', extensions: { code: 'POSITION_EXPIRED', reason: 'RETENTION' } };
    const found = await withMoreOnItsWay(() => ({ type: 'error', payload: [expired] }), true);
    const { chat, asked, ids, loading, release } = found;
    await eventually(() => expect(chat.status.value).toBe('live'));
    expect(ids()).toHaveLength(50);
    release();
    await loading;
    expect(ids()).toHaveLength(60);
    expect(asked.map((place) => place !== null)).toEqual([false, true, false, true]);
  });
});
