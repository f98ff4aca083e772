/** Tabs that share a storage: one is closed, the clock is set, the disk is full, Web Locks are refused. */
import { memoryStorage, type Storage } from '../../client/src/index.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, live } from './clients.ts';
import { Machine, Tab } from './tab.ts';

const CREATE = `mutation ($id: ID!) { createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: []}) { id } }`;
const ALL = `query ($id: ID!) { conversation(id: $id) { messages(first: 50) { nodes { content senderId } } } }`;
const HALF_A_MINUTE_MS = 31_000;
const HOUR_MS = 3_600_000;

describe('tabs of one person', () => {
  let service: TestService;
  let proxy: TcpProxy;
  let machine: Machine;
  let alice: string;
  let id: string;
  const tabs: Tab[] = [];
  const clients = clientsOf(() => service);

  beforeAll(async () => {
    service = await startTestService();
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(async () => {
    [machine, alice, id] = [new Machine(), `alice-${newId()}`, newId()];
    await service.query(alice, CREATE, { id });
    proxy.redirect(service.service.port);
  });
  afterEach(() => {
    clients.close();
    for (const tab of tabs.splice(0)) tab.close();
  });
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });

  async function open(url = service.url, session = false): Promise<Tab> {
    const tab = new Tab(machine);
    tabs.push(tab);
    return tab.open({ url: `${url}/graphql`, session, getToken: () => service.token(alice) });
  }
  const isLive = (tab: Tab): Promise<void> => eventually(() => expect(tab.chat.status.value).toBe('live'));
  const overProxy = (): string => `http://127.0.0.1:${proxy.port}`;
  const stored = async (): Promise<string[]> =>
    (await service.query(alice, ALL, { id })).data.conversation.messages.nodes.map(
      ({ content }: { content: string }) => content,
    );
  const unsent = (): string[] => [...machine.values.keys()].filter((key) => key.startsWith('outbox/'));

  it('a tab that stays open sends what a closed one has left', async () => {
    const [closed, open_] = [await open(overProxy()), await open()];
    await Promise.all([isLive(closed), isLive(open_)]);
    proxy.redirect(1);
    await eventually(() => expect(closed.chat.status.value).toBe('offline'));
    await closed.chat.conversation(id).send('left');
    closed.close();
    machine.passedMs += HALF_A_MINUTE_MS;
    open_.runDue();
    await eventually(async () => expect(await stored()).toEqual(['left']));
    await eventually(() => expect(unsent()).toEqual([]));
  });

  it('a tab that hears of a message of a closed one takes it out of storage', async () => {
    const [closed, open_] = [await open(overProxy()), await open()];
    await Promise.all([isLive(closed), isLive(open_)]);
    open_.chat.conversation(id).messages.subscribe(() => undefined);
    proxy.swallowAnswers();
    await closed.chat.conversation(id).send('arrived');
    await eventually(async () => expect(await stored()).toEqual(['arrived']));
    closed.close();
    await eventually(() => expect(unsent()).toEqual([]));
  });

  it('a message is not sent again when the clock was set back by days since it was first sent', async () => {
    machine.values.set(`outbox/${alice}/one`, {
      ...{ clientMessageId: 'one', conversationId: id, content: 'perhaps sent', payload: null, replyToId: null },
      ...{ at: Date.now(), triedAt: Date.now() + 72 * HOUR_MS, error: null },
    });
    const { chat } = await open();
    await eventually(() =>
      expect(JSON.stringify(chat.conversation(id).messages.value.messages)).toContain('"code":"CONFLICT"'),
    );
    expect(await stored()).toEqual([]);
  });

  it('the other person is told of typing after the clock was set back', async () => {
    const tab = await open();
    await isLive(tab);
    const bob = `bob-${newId()}`;
    await service.query(alice, `mutation ($id: ID!, $bob: ID!) { addMembers(id: $id, userIds: [$bob]) { id } }`, {
      id,
      bob,
    });
    const reader = await live(clients.of(bob));
    const { typing } = reader.conversation(id);
    typing.subscribe(() => undefined);
    const room = tab.chat.conversation(id);
    room.setTyping(true);
    await eventually(() => expect(typing.value).toEqual([alice]));
    machine.wrongMs -= 72 * HOUR_MS;
    machine.passedMs += 2 * HALF_A_MINUTE_MS;
    service.clock.advance(HALF_A_MINUTE_MS);
    await eventually(() => expect(typing.value).toEqual([]));
    room.setTyping(true);
    await eventually(() => expect(typing.value).toEqual([alice]));
    room.setTyping(false);
    await eventually(() => expect(typing.value).toEqual([]));
    machine.passedMs += HALF_A_MINUTE_MS;
  });

  it.each(['full', 'broken'] as const)('a session goes on although the disk is %s', async (state) => {
    machine.state = state;
    const tab = await open(undefined, true);
    await isLive(tab);
    for (let time = 0; time < 3; time += 1) {
      service.clock.advance(HOUR_MS);
      await eventually(() => expect(tab.chat.status.value).not.toBe('live'));
      await isLive(tab);
    }
    expect(machine.spent.twice).toEqual([]);
    await tab.chat.conversation(id).send('Hi');
    await eventually(async () => expect(await stored()).toEqual(['Hi']));
  });

  it('is offline within a second when the browser says so, and stays live if the browser is wrong', async () => {
    const tab = await open(overProxy());
    await isLive(tab);
    machine.isOnline = false;
    tab.tell('offline');
    await tab.chat.request('{ viewer { id } }');
    machine.passedMs += 1_000;
    tab.runDue();
    await new Promise(setImmediate);
    expect(tab.chat.status.value).toBe('live');
    const held = proxy.hold();
    tab.tell('offline');
    machine.passedMs += 1_000;
    tab.runDue();
    await new Promise(setImmediate);
    expect(tab.chat.status.value).toBe('offline');
    expect(tab.chat.error).toBeNull();
    held.release();
  });

  it('a page that may not use Web Locks sends all the same', async () => {
    machine.refusesLocks = true;
    const tab = await open();
    await tab.chat.conversation(id).send('Hi');
    await eventually(async () => expect(await stored()).toEqual(['Hi']));
  });

  it('a message that is discarded before it was sent is not sent', async () => {
    let discard: () => Promise<void> = async () => undefined;
    const memory = memoryStorage();
    const storage: Storage = {
      ...memory,
      set: async (key, value) => {
        await memory.set(key, value);
        if ((value as { readonly triedAt?: number | null }).triedAt) await discard();
      },
    };
    const chat = await live(clients.of(alice, { storage }));
    const room = chat.conversation(id);
    discard = () => room.discard('one');
    await room.send('taken back', { clientMessageId: 'one' });
    await eventually(() => expect(chat.unsent).toBe(0));
    await room.send('next', { clientMessageId: 'two' });
    await eventually(async () => expect(await stored()).toEqual(['next']));
  });

  it('a person whose id begins with another’s has an outbox of their own', async () => {
    const storage = memoryStorage();
    const theirs = await live(clients.of(`${alice}/b`, { storage, url: `${overProxy()}/graphql` }));
    proxy.redirect(1);
    await eventually(() => expect(theirs.status.value).toBe('offline'));
    await theirs.conversation(id).send('theirs');
    theirs.close();
    const chat = await live(clients.of(alice, { storage }));
    await chat.conversation(id).send('mine');
    await eventually(async () => expect(await stored()).toEqual(['mine']));
    expect(await storage.list('outbox/')).toHaveLength(1);
  });

  it('signing out says when the session stays in storage, and shows nothing of the person any more', async () => {
    const memory = memoryStorage();
    const storage = { ...memory, delete: () => Promise.reject(new Error('The disk failed.')) };
    const chat = await live(clients.of(alice, { storage, session: true }));
    await expect(chat.signOut()).rejects.toThrow('The disk failed.');
    expect([chat.userId, chat.inbox.entries]).toEqual([null, []]);
    const { accessToken } = (await memory.get('session')) as { readonly accessToken: string };
    const answer = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${accessToken}` },
      body: '{"query":"{ viewer { id } }"}',
    });
    expect(await answer.text()).toContain('"reason":"REVOKED"');
  });

  it('the messages of a person who signs out while they are read are not the next person’s', async () => {
    const storage = memoryStorage();
    const message = { clientMessageId: 'one', conversationId: id, content: 'of alice', payload: null, replyToId: null };
    await storage.set(`outbox/${alice}/one`, { ...message, at: Date.now(), triedAt: null, error: null });
    const bob = `bob-${newId()}`;
    await service.query(alice, `mutation ($id: ID!, $bob: ID!) { addMembers(id: $id, userIds: [$bob]) { id } }`, {
      id,
      bob,
    });
    let read: () => void = () => undefined;
    let isAsked = false;
    const slow: Storage = {
      ...storage,
      list: async (prefix) => {
        const found = await storage.list(prefix);
        if (prefix.includes(alice) && !isAsked) {
          isAsked = true;
          await new Promise<void>((resolve) => {
            read = resolve;
          });
        }
        return found;
      },
    };
    let user = alice;
    const chat = clients.of(alice, { storage: slow, getToken: () => service.token(user) });
    chat.connect();
    await eventually(() => expect(isAsked).toBe(true));
    await chat.signOut();
    user = bob;
    read();
    chat.connect();
    await eventually(() => expect([chat.status.value, chat.userId]).toEqual(['live', bob]));
    await chat.conversation(id).send('of bob');
    await eventually(() => expect(chat.unsent).toBe(0));
    expect(await stored()).toEqual(['of bob']);
  });
});
