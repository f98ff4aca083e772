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
const REFUSED = { message: 'Later.', extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 10 } };

describe('what is read page by page', () => {
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

  it('is waited for while there is no connection: a loop until all is loaded neither spins nor ends early', async () => {
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
    [
      'is refused',
      (socket: WebSocket, id: string) =>
        socket.dispatchEvent(
          new MessageEvent('message', { data: JSON.stringify({ id, type: 'error', payload: [REFUSED] }) }),
        ),
    ],
  ] as const)('is read again when the first reading of the list %s', async (_, fail) => {
    const { id } = await createConversation(user(service, alice));
    const { webSocket, failures } = failingFirst(fail);
    const chat = await live(clients.of(alice, { webSocket }));
    await eventually(() => expect(chat.inbox.entries.map(({ conversation }) => conversation.id)).toEqual([id]));
    expect([failures(), chat.status.value]).toEqual([1, 'live']);
  });
});
