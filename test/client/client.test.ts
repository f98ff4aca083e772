/** The package for front ends, against a service. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse, validate } from 'graphql';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import * as documents from '../../client/src/documents.ts';
import { memoryStorage } from '../../client/src/index.ts';
import { RealtimeProvider, useInbox, useMessages, usePresence, useStatus } from '../../client/src/react/index.ts';
import { Store } from '../../client/src/store/store.ts';
import { byActivity } from '../../src/engine/shared/conversation-list.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import type { ConversationId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, contentsOf, live, shows } from './clients.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CREATE = `mutation ($id: ID!, $users: [ID!]!) {
  createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: $users}) { id }
}`;
const SEND = `mutation ($id: ID!, $content: String!) { sendMessage(input: {conversationId: $id, content: $content}) { id } }`;

describe('the client', () => {
  let service: TestService;
  let proxy: TcpProxy;
  let alice: string;
  let bob: string;
  let id: string;
  const clients = clientsOf(() => service);
  const create = (...users: string[]) => service.query(alice, CREATE, { id, users });
  const send = (content: string, user = bob, to = id) => service.query(user, SEND, { id: to, content });

  beforeAll(async () => {
    service = await startTestService();
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(() => {
    [alice, bob, id] = [`alice-${newId()}`, `bob-${newId()}`, newId()];
  });
  afterEach(() => clients.close());
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });

  it('every document is valid against the schema', () => {
    const schema = createSchema();
    const faults = Object.entries(documents).flatMap(([name, document]) =>
      validate(schema, parse(document)).map(({ message }) => `${name}: ${message}`),
    );
    expect(faults).toEqual([]);
  });

  it('its bundle is within its size cap', async () => {
    const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'client:size'], { cwd: ROOT });
    expect(stdout).toContain('the cap is 14336 with gzip');
  });

  it('renders hooks on a server without a connection', async () => {
    let asked = 0;
    const getToken = (): Promise<string> => {
      asked += 1;
      return service.token(alice);
    };
    const chat = clients.of(alice, { getToken });
    const List = () => {
      const { entries, unread } = useInbox();
      const { messages } = useMessages(id);
      return createElement('p', null, useStatus(), entries.length, unread, messages.length, usePresence(bob)?.status);
    };
    const html = renderToString(createElement(RealtimeProvider, { chat }, createElement(List)));
    expect(html.replaceAll('<!-- -->', '')).toBe('<p>connecting000</p>');
    await new Promise(setImmediate);
    expect(asked).toBe(0);
    // A client that connects has asked for its token by then.
    chat.connect();
    await new Promise(setImmediate);
    expect(asked).toBe(1);
  });

  it('shows the list, new messages and unread counts', async () => {
    await create(bob);
    await send('Hello');
    const chat = await live(clients.of(alice));
    expect(chat.inbox.entries).toMatchObject([
      { conversation: { id, name: 'Team' }, unread: 1, lastMessage: { content: 'Hello' } },
    ]);
    await send('Again');
    await eventually(() =>
      expect(chat.inbox.entries).toMatchObject([{ unread: 2, lastMessage: { content: 'Again' } }]),
    );
    expect(chat.inbox.unread).toBe(2);
    await shows(chat, id, ['Hello', 'Again']);
    chat.conversation(id).markRead();
    expect(chat.inbox.unread).toBe(0);
    const count = () => service.query(alice, '{ viewer { unreadMessageCount } }');
    await eventually(async () => expect((await count()).data.viewer.unreadMessageCount).toBe(0));
  });

  it('the list has the order of the service, also within one millisecond, and after a restore', () => {
    const ignore = () => undefined;
    const made = () => new Store({ onChange: ignore, onListChange: ignore, onUnknown: ignore, onGap: ignore });
    const now = { name: null, kind: 'GROUP', viewerRole: 'MEMBER', memberCount: 2, peer: null } as const;
    const at = '2026-11-27T07:00:00.000Z';
    const ids = ['b', 'd', 'a', 'c'];
    const store = made();
    for (const one of ids) {
      const counts = { lastSequence: 1, unreadMessageCount: 0, createdAt: at, lastActivityAt: at };
      store.apply({ __typename: 'ConversationJoined', conversation: { ...now, ...counts, id: one } });
    }
    store.order.hasMore = false;
    store.flagged('c', { mutedUntil: null, isArchived: false, isPinned: true, isMarkedUnread: false });
    const shown = (of: Store) => of.order.entries(of.known).map(({ conversation }) => conversation.id);
    const byService = ids.map((one) => ({ id: one as ConversationId, activity: Date.parse(at) })).sort(byActivity);
    expect(shown(store)).toEqual(['c', ...byService.map(({ id: one }) => one).filter((one) => one !== 'c')]);
    const restored = made();
    restored.restore(store.keep());
    expect(shown(restored)).toEqual(shown(store));
  });

  it('reconnects with a new token when its token has expired', async () => {
    await create(bob);
    const reasons: string[] = [];
    const getToken = async ({ reason }: { reason: string }) => {
      reasons.push(reason);
      return service.token(alice, { expiresAt: service.clock.now() / 1_000 + 60 });
    };
    const chat = await live(clients.of(alice, { getToken }));
    await shows(chat, id, []);
    service.clock.advance(100_000);
    await send('meanwhile');
    await shows(chat, id, ['meanwhile']);
    // A busy machine may cut it off besides.
    expect(reasons.filter((reason) => reason !== 'again')).toEqual(['first', 'expired']);
  });

  it('is signed out when its token is refused, and reconnects when asked to', async () => {
    let token: string | null = 'nonsense';
    const chat = clients.of(alice, { getToken: () => token });
    chat.connect();
    await eventually(() => expect(chat.status.value).toBe('signed-out'));
    token = await service.token(alice);
    await live(chat);
  });

  it.each([
    ['the list', (parts: string[]) => parts.map((part, index) => (index === 3 ? 'another' : part))],
    ['a conversation', (parts: string[]) => parts.map((part, index) => (index === 6 ? 'another' : part))],
  ])('reads %s again when its position cannot be resumed', async (what, forge) => {
    await create(bob);
    await send('before');
    const storage = memoryStorage();
    const before = await live(clients.of(alice, { storage }));
    await shows(before, id, ['before']);
    await send('more');
    await shows(before, id, ['before', 'more']);
    service.clock.advance(10_000);
    const key = `inbox/${alice}`;
    const { kept, parts } = await eventually(async () => {
      const kept = (await storage.get(key)) as { readonly position: string };
      const parts = Buffer.from(kept.position, 'base64url').toString().split('~');
      expect(parts.length).toBeGreaterThan(6);
      return { kept, parts };
    });
    before.close();
    const position = Buffer.from(forge(parts).join('~')).toString('base64url');
    await storage.set(key, { ...kept, position });
    await send('after');
    const resets: unknown[] = [];
    const chat = clients.of(alice, { storage });
    chat.on('reset', (reset) => resets.push(reset));
    await live(chat);
    await shows(chat, id, ['before', 'more', 'after']);
    await eventually(() => expect(chat.inbox).toMatchObject({ unread: 3, entries: [{ unread: 3 }] }));
    expect(resets).toEqual([{ conversationId: what === 'the list' ? null : id, reason: 'EPOCH' }]);
  });

  it('shows a conversation as soon as it is joined, and drops it when it is left', async () => {
    const chat = await live(clients.of(alice));
    const room = chat.conversation(id);
    room.messages.subscribe(() => undefined);
    await eventually(() => expect(room.messages.value.error?.code).toBe('NOT_FOUND'));
    await service.query(bob, CREATE, { id, users: [alice] });
    await send('Hello');
    await shows(chat, id, ['Hello']);
    await eventually(() => expect(chat.inbox).toMatchObject({ unread: 1, entries: [{ conversation: { id } }] }));
    await room.pin();
    expect(room.entry.value).toMatchObject({ isPinned: true });
    await service.query(bob, `mutation { removeMember(id: "${id}", userId: "${alice}") { id } }`);
    await eventually(() => expect(chat.inbox).toMatchObject({ unread: 0, entries: [] }));
    expect(room.messages.value.messages).toEqual([]);
  });

  it('reads older messages page by page, without a gap before the live ones', async () => {
    await create(bob);
    const contents = Array.from({ length: 120 }, (_, index) => `${index}`);
    for (const content of contents) await send(content);
    const chat = await live(clients.of(alice));
    await shows(chat, id, contents.slice(70));
    await chat.conversation(id).loadOlder();
    expect(contentsOf(chat.conversation(id).messages.value.messages)).toEqual(contents.slice(20));
    await send('new');
    await chat.conversation(id).loadOlder();
    await shows(chat, id, [...contents, 'new']);
    expect(chat.conversation(id).messages.value.hasOlder).toBe(false);
  });

  it('shows presence, typing and read positions, with one subscription for each', async () => {
    await create(bob);
    const chat = await live(clients.of(alice));
    const presences = Array.from({ length: 3 }, () => chat.presence(bob));
    const stops = presences.map((presence) => presence.subscribe(() => undefined));
    const carol = chat.presence('carol');
    stops.push(carol.subscribe(() => undefined));
    await eventually(() => expect([presences[0]?.value?.status, carol.value?.status]).toEqual(['OFFLINE', 'OFFLINE']));
    const other = await live(clients.of(bob));
    await eventually(() => expect(presences[2]?.value?.status).toBe('ONLINE'));
    await other.setPresence('BUSY', 'thinking');
    await eventually(() => expect(presences[1]?.value).toMatchObject({ status: 'BUSY', statusText: 'thinking' }));
    for (const stop of stops) stop();

    const room = chat.conversation(id);
    await shows(chat, id, []);
    other.conversation(id).setTyping(true);
    await eventually(() => expect(room.typing.value).toEqual([bob]));
    other.conversation(id).setTyping(false);
    await eventually(() => expect(room.typing.value).toEqual([]));
    await room.send('read this');
    await shows(other, id, ['read this']);
    other.conversation(id).markRead();
    await eventually(() => expect(room.receipts.value).toContainEqual({ userId: bob, sequence: 1 }));
  });

  it('creates and refreshes a session, shares it between two tabs, and ends it', async () => {
    await create(bob);
    let asked = 0;
    let isSignedIn = true;
    const session = {
      session: { deviceName: 'Tab' },
      storage: memoryStorage(),
      getToken: async () => {
        asked += 1;
        return isSignedIn ? service.token(alice) : null;
      },
    };
    const [one, two] = [clients.of(alice, session), clients.of(alice, session)];
    await Promise.all([live(one), live(two)]);
    expect(asked).toBe(1);
    // Both connections end with the token, and come back by one session, of which no token was spent twice.
    service.clock.advance(20 * 60_000);
    await send('later');
    await Promise.all([shows(one, id, ['later']), shows(two, id, ['later'])]);
    const sessions = '{ viewer { sessions { nodes { deviceName revokedAt } } } }';
    const all = async () => (await service.query(alice, sessions)).data.viewer.sessions.nodes;
    expect([asked, await all()]).toEqual([1, [{ deviceName: 'Tab', revokedAt: null }]]);
    // With a token the other tab would begin another session.
    isSignedIn = false;
    await one.signOut();
    expect(await all()).toMatchObject([{ revokedAt: expect.any(String) }]);
    expect([one.status.value, one.inbox.entries]).toEqual(['signed-out', []]);
    await eventually(() => expect(two.status.value).toBe('signed-out'));
  });
});
