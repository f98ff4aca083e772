/** The client before its first connection: requests, and the errors when it cannot connect. */
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, live } from './clients.ts';

const ME = '{ viewer { id } }';
const host = globalThis as unknown as { WebSocket: unknown; location: unknown };

describe('a client before its first connection', () => {
  let service: TestService;
  let proxy: TcpProxy;
  let alice: string;
  const clients = clientsOf(() => service);
  const throughProxy = () => ({ url: `http://127.0.0.1:${proxy.port}/graphql` });
  const { WebSocket, location } = host;
  beforeAll(async () => {
    service = await startTestService();
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(() => {
    alice = `alice-${newId()}`;
  });
  afterEach(() => {
    clients.close();
    Object.assign(host, { WebSocket, location });
  });
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });

  it('a request opens the connection and is answered', async () => {
    expect(await clients.of(alice).request(ME)).toEqual({ viewer: { id: alice } });
    const { id } = await createConversation(user(service, alice));
    const message = await send(user(service, alice), id, 'as it was');
    await clients.of(alice).conversation(id).edit(message.id, 'changed');
    const query = `{ conversation(id: "${id}") { messages(last: 1) { nodes { content } } } }`;
    const { conversation } = await clients.of(alice).request<{ conversation: unknown }>(query);
    expect(conversation).toEqual({ messages: { nodes: [{ content: 'changed' }] } });
  });

  it('a request that cannot be sent is rejected with `There is no connection.`', async () => {
    proxy.redirect(1);
    const away = clients.of(alice, throughProxy());
    await expect(away.request(ME)).rejects.toThrow('There is no connection.');
    proxy.redirect(service.service.port);
    await live(away);
    expect(await away.request(ME)).toEqual({ viewer: { id: alice } });
    const nobody = clients.of(alice, { getToken: () => null });
    await expect(nobody.request(ME)).rejects.toThrow('There is no connection.');
    const closed = clients.of(alice);
    closed.close();
    await expect(closed.request(ME)).rejects.toThrow('There is no connection.');
  });

  it('closing ends what waits for a connection', async () => {
    proxy.redirect(1);
    const chat = clients.of(alice, throughProxy());
    const waiting = [chat.conversation('one').loadOlder(), chat.inbox.loadMore()];
    chat.connect();
    await eventually(() => expect(chat.status.value).toBe('offline'));
    chat.close();
    for (const each of waiting) await expect(each).rejects.toThrow('The connection ended.');
    proxy.redirect(service.service.port);
  });

  it('without a WebSocket, and with transport `websocket`, the error names the missing WebSocket', async () => {
    host.WebSocket = undefined;
    const chat = clients.of(alice, { transport: 'websocket' });
    expect(() => chat.connect()).toThrow('No WebSocket');
    expect(() => chat.inbox.subscribe(() => undefined)).toThrow('No WebSocket');
    await expect(chat.request(ME)).rejects.toThrow('No WebSocket');
    await live(clients.of(alice, { transport: 'websocket', webSocket: WebSocket }));
  });

  it('without a WebSocket it uses server-sent events at once', async () => {
    host.WebSocket = undefined;
    const chat = clients.of(alice);
    const heard: string[] = [];
    chat.status.subscribe(() => heard.push(chat.status.value));
    await live(chat);
    expect(heard).toEqual(['catching-up', 'live']);
  });

  it('`error` has the reason for which it is offline', async () => {
    let fault: Error | null = new Error('The server of tokens is away.');
    const chat = clients.of(alice, {
      getToken() {
        if (fault) throw fault;
        return service.token(alice);
      },
    });
    chat.connect();
    await eventually(() => expect([chat.status.value, chat.error]).toEqual(['offline', fault]));
    fault = null;
    await live(chat);
    expect(chat.error).toBeNull();
    const nowhere = clients.of(alice, { url: '/graphql' });
    nowhere.connect();
    await eventually(() => expect(`${nowhere.error}`).toContain('Invalid URL'));
  });

  it('a relative URL is resolved against the page', async () => {
    host.location = { href: `${service.url}/app/index.html` };
    await live(clients.of(alice, { url: '/graphql' }));
    await live(clients.of(alice, { url: '../graphql', transport: 'sse' }));
  });
});
