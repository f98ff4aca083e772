/** What the client says of its state: why it is offline or signed out, why a message waits or failed, what is loaded. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRealtime, memoryStorage, RequestError } from '../../client/src/index.ts';
import { httpUrlOf, socketUrlOf } from '../../client/src/options.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';
import { clientsOf, live, shows } from './clients.ts';

const CREATE = `mutation ($id: ID!, $users: [ID!]!) { createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: $users}) { id } }`;
const REMOVE = 'mutation ($id: ID!, $user: ID!) { removeMember(id: $id, userId: $user) { id } }';

describe('the client says', () => {
  let service: TestService;
  let alice: string;
  let bob: string;
  let id: string;
  const clients = clientsOf(() => service);

  beforeAll(async () => {
    service = await startTestService({
      env: { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_MESSAGES: '1' },
      clock: new StillClock(),
    });
  });
  beforeEach(async () => {
    [alice, bob, id] = [`alice-${newId()}`, `bob-${newId()}`, newId()];
    await service.query(alice, CREATE, { id, users: [bob] });
  });
  afterEach(() => clients.close());
  afterAll(() => service.close());

  it.each(['auto', 'sse'] as const)('that its path is wrong (%s)', async (transport) => {
    const chat = clients.of(alice, { url: `${service.url}/nope`, transport });
    chat.connect();
    await eventually(() => expect(`${chat.error}`).toContain('There is nothing at this path'), 30_000);
    expect(chat.status.value).toBe('offline');
    // A socket that does not open says nothing.
    const heard: unknown[] = [];
    chat.on('status', (status) => status === 'offline' && heard.push(chat.error));
    await eventually(() => expect(heard.length).toBeGreaterThan(2), 30_000);
    expect(heard.every((error) => `${error}`.includes('nothing at this path'))).toBe(true);
  });

  it('that a proxy answers without GraphQL, until the service does', async () => {
    const proxy = createServer((_request, response) => response.writeHead(502).end('<html>Bad gateway</html>'));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const chat = clients.of(alice, { url: `http://127.0.0.1:${port}/graphql`, transport: 'sse' });
    chat.connect();
    await eventually(() => expect(`${chat.error}`).toContain('HTTP 502'));
    proxy.close();
    proxy.closeAllConnections();
  });

  it.each([
    ['websocket', false],
    ['sse', false],
    ['websocket', true],
  ] as const)('that its token was refused (%s, session: %s)', async (transport, session) => {
    let token = 'nonsense';
    const chat = clients.of(alice, { transport, session, getToken: () => token });
    chat.connect();
    await eventually(() => expect(chat.status.value).toBe('signed-out'));
    expect(chat.error).toBeInstanceOf(RequestError);
    expect(chat.error).toMatchObject({ code: 'UNAUTHENTICATED' });
    token = await service.token(alice);
    await live(chat);
    expect(chat.error).toBeNull();
    token = 'nonsense';
  });

  it('that its session waits for a token that has not expired', async () => {
    let expiresAt = service.clock.now() / 1_000 - 60;
    const getToken = () => service.token(alice, { expiresAt });
    const chat = clients.of(alice, { session: true, getToken });
    chat.connect();
    await eventually(() => expect(chat.error).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'EXPIRED' }));
    expect(chat.status.value).not.toBe('signed-out');
    expiresAt += 3_600;
    await live(chat);
  });

  it('nothing when the user is signed out', async () => {
    const chat = clients.of(alice, { getToken: () => null });
    chat.connect();
    await eventually(() => expect(chat.status.value).toBe('signed-out'));
    expect(chat.error).toBeNull();
  });

  it('that the service asked a message to wait', async () => {
    const chat = await live(clients.of(alice));
    const room = chat.conversation(id);
    const contents = Array.from({ length: 4 }, (_, n) => `${n}`);
    for (const content of contents) await room.send(content);
    await eventually(() => expect(chat.outbox.value[0]?.error).toMatchObject({ code: 'RATE_LIMITED' }));
    const [waiting] = chat.outbox.value;
    expect(waiting).toMatchObject({ status: 'sending', error: { retryAfterMs: expect.any(Number) } });
    await eventually(() => {
      service.clock.advance(1_000);
      expect(chat.unsent).toBe(0);
    });
    await shows(chat, id, contents);
    expect(chat.outbox.value).toEqual([]);
  });

  it('why a message failed, also in a conversation that the user has left, where it can be discarded', async () => {
    const storage = memoryStorage();
    const before = await live(clients.of(bob, { storage }));
    await service.query(alice, REMOVE, { id, user: bob });
    await before.conversation(id).send('too late');
    await eventually(() => expect(before.outbox.value).toMatchObject([{ status: 'failed' }]));
    before.close();
    const chat = clients.of(bob, { storage });
    let changes = 0;
    const stop = chat.outbox.subscribe(() => {
      changes += 1;
    });
    await eventually(() => expect(chat.outbox.value).toHaveLength(1));
    const [message] = chat.outbox.value;
    expect(message).toMatchObject({ conversationId: id, content: 'too late', error: { code: 'NOT_FOUND' } });
    expect(message?.error?.message).toContain('conversation');
    await eventually(() => expect(chat.inbox.value).toMatchObject({ entries: [], isLoaded: true }));
    const seen = changes;
    await chat.conversation(message?.conversationId ?? '').discard(message?.key ?? '');
    expect([chat.outbox.value, chat.unsent, changes > seen]).toEqual([[], 0, true]);
    stop();
    expect(await storage.list('outbox/')).toEqual([]);
  });

  it('whether messages are loaded, or there are none', async () => {
    const chat = clients.of(alice);
    const { messages } = chat.conversation(id);
    expect(messages.value).toMatchObject({ messages: [], isLoaded: false, hasOlder: true });
    expect(chat.inbox.value).toMatchObject({ entries: [], isLoaded: false });
    await shows(chat, id, []);
    await eventually(() => expect(messages.value).toMatchObject({ messages: [], isLoaded: true, hasOlder: false }));
    await eventually(() => expect(chat.inbox.value.isLoaded).toBe(true));
    const none = chat.conversation(newId()).messages;
    none.subscribe(() => undefined);
    const error = { code: 'NOT_FOUND', message: 'No such conversation.' };
    await eventually(() => expect(none.value).toMatchObject({ isLoaded: false, hasOlder: false, error }));
  });

  it('that the presence of others is unknown while it is offline', async () => {
    const chat = await live(clients.of(alice));
    const presence = chat.presence(bob);
    presence.subscribe(() => undefined);
    await eventually(() => expect(presence.value?.status).toBe('OFFLINE'));
    chat.close();
    expect(presence.value).toBeNull();
  });
});

describe('the URLs of the client', () => {
  it.each([
    ['wss://chat.example/graphql', 'wss://chat.example/graphql', 'https://chat.example/graphql'],
    ['https://news.example/ws', 'wss://news.example/ws', 'https://news.example/ws'],
    ['http://ws.example/http', 'ws://ws.example/http', 'http://ws.example/http'],
  ])('%s', (given, socket, http) => {
    expect([socketUrlOf(given), httpUrlOf(given)]).toEqual([socket, http]);
  });

  it('may be relative on a server that renders the page, with a session as well', () => {
    expect(createRealtime({ url: '/graphql', getToken: () => null, session: true }).status.value).toBe('connecting');
  });
});
