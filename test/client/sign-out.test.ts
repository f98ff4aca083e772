/** Signing out: no session lives on, and nothing of the person stays on the device. */
import { memoryStorage, RequestError, type Storage } from '../../client/src/index.ts';
import { SessionSignIn } from '../../client/src/session.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, live } from './clients.ts';

const CREATE = `mutation ($id: ID!) { createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: []}) { id } }`;
const SESSIONS = '{ viewer { sessions { nodes { revokedAt } } } }';
const DAY_MS = 24 * 3_600_000;

describe('signing out', () => {
  let service: TestService;
  let proxy: TcpProxy;
  let alice: string;
  let id: string;
  let storage: Storage;
  const clients = clientsOf(() => service);

  beforeAll(async () => {
    service = await startTestService();
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(async () => {
    [alice, id, storage] = [`alice-${newId()}`, newId(), memoryStorage()];
    await service.query(alice, CREATE, { id });
    proxy.redirect(service.service.port);
  });
  afterEach(() => clients.close());
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });

  const overProxy = (session: boolean, store = storage) =>
    clients.of(alice, { url: `http://127.0.0.1:${proxy.port}/graphql`, session, storage: store });
  const ended = async (): Promise<boolean[]> =>
    (await service.query(alice, SESSIONS)).data.viewer.sessions.nodes.map(
      ({ revokedAt }: { revokedAt: string | null }) => revokedAt !== null,
    );
  const keys = async (prefix: string): Promise<string[]> => (await storage.list(prefix)).map(([key]) => key);
  /** A client that was live, has an unsent message, and has lost the service. */
  async function offline(session: boolean, store = storage) {
    const chat = await live(overProxy(session, store));
    proxy.redirect(1);
    await eventually(() => expect(chat.status.value).toBe('offline'));
    await chat.conversation(id).send('private');
    expect(chat.unsent).toBe(1);
    return chat;
  }

  it.each([true, false])('without a connection deletes everything at once (session: %s)', async (session) => {
    const chat = await offline(session);
    const out = chat.signOut();
    expect([chat.status.value, chat.userId, chat.unsent]).toEqual(['signed-out', null, 0]);
    expect(chat.conversation(id).messages.value.messages).toEqual([]);
    await out;
    expect([await keys('inbox/'), await keys('outbox/'), await keys('session')]).toEqual([[], [], []]);
    proxy.redirect(service.service.port);
    if (session) await eventually(async () => expect(await ended()).toEqual([true]), 30_000);
    await eventually(async () => expect(await keys('')).toEqual(['device']));
    const next = await live(overProxy(false));
    expect(next.unsent).toBe(0);
  });

  it('ends the session at the next start, also after its access token has expired', async () => {
    const chat = await offline(true);
    await chat.signOut();
    chat.close();
    expect(await keys('ended/')).toHaveLength(1);
    service.clock.advance(DAY_MS);
    proxy.redirect(service.service.port);
    const next = clients.of(alice, { session: true, storage, getToken: () => null });
    next.connect();
    await eventually(async () => expect(await ended()).toEqual([true]));
    await eventually(async () => expect(await keys('ended/')).toEqual([]));
    expect([next.status.value, next.userId]).toEqual(['signed-out', null]);
  });

  it('ends the session although the client is closed at once', async () => {
    const chat = await live(overProxy(true));
    const out = chat.signOut();
    chat.close();
    await out;
    expect([await ended(), await keys('')]).toEqual([[true], ['device']]);
  });

  it('of a client that has never connected ends the stored session and deletes what is stored', async () => {
    (await offline(true)).close();
    proxy.redirect(service.service.port);
    await overProxy(true).signOut();
    expect([await ended(), await keys('')]).toEqual([[true], ['device']]);
  });

  it('rejects if the session lives on, and no later start would know', async () => {
    const memory = storage;
    let isFull = false;
    const full: Storage = {
      ...memory,
      set: (key, value) => (isFull ? Promise.reject(new Error('The disk is full.')) : memory.set(key, value)),
    };
    const chat = await offline(true, full);
    isFull = true;
    await expect(chat.signOut()).rejects.toThrow('The disk is full.');
    expect(await keys('')).toEqual(['device']);
    await expect(chat.signOut()).rejects.toThrow('The disk is full.');
    proxy.redirect(service.service.port);
    await chat.signOut();
    expect(await ended()).toEqual([true]);
  });

  it.each([false, true])('leaves the data of other persons (restarted: %s)', async (isRestarted) => {
    const others = [`inbox/${alice}/b`, `inbox/${alice}0`, `outbox/${encodeURIComponent(`${alice}/b`)}/one`];
    const message = { clientMessageId: 'one', conversationId: id, content: 'of bob', payload: null, replyToId: null };
    for (const key of others) await storage.set(key, { ...message, at: 1, triedAt: null, error: null });
    const chat = await offline(isRestarted);
    if (isRestarted) {
      chat.close();
      // It has not connected, and the session in storage names the user.
      await overProxy(true).signOut();
    } else {
      await chat.signOut();
      await chat.signOut();
    }
    expect([...(await keys('inbox/')), ...(await keys('outbox/'))]).toEqual(others);
  });

  it.each([true, false])('is not undone by what connects meanwhile (session: %s)', async (session) => {
    const chat = await offline(session);
    const out = chat.signOut();
    const unsent: number[] = [];
    const stop = chat.outbox.subscribe(() => unsent.push(chat.unsent));
    await out;
    await eventually(() => expect([chat.status.value, chat.userId]).toEqual(['offline', session ? null : alice]));
    stop();
    expect([...unsent, chat.unsent].filter((count) => count > 0)).toEqual([]);
    expect([chat.unsent, await keys('outbox/'), await keys('session')]).toEqual([0, [], []]);
  });

  it('is not undone by what connected in the same moment: the next user is signed in', async () => {
    const bob = `bob-${newId()}`;
    const chat = await live(overProxy(true));
    await chat.signOut();
    chat.connect();
    await chat.signOut();
    const next = clients.of(bob, { session: true, storage });
    await live(next);
    expect([next.userId, (await ended()).filter((isEnded) => !isEnded)]).toEqual([bob, []]);
  });

  it('refuses messages until the next user is known', async () => {
    const bob = `bob-${newId()}`;
    let user = alice;
    const chat = await live(clients.of(alice, { storage, getToken: () => service.token(user) }));
    await chat.signOut();
    user = bob;
    await expect(chat.conversation(id).send('of alice')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await live(chat);
    expect([chat.userId, chat.unsent, await keys('outbox/')]).toEqual([bob, 0, []]);
    await chat.conversation(id).send('of bob');
  });

  it('retries one session at a time, after the time that the service asks for', async () => {
    const tokens = (name: string) => ({ accessToken: name, refreshToken: name, session: { id: name } });
    for (const name of ['one', 'two']) await storage.set(`ended/${name}`, tokens(name));
    const calls: number[] = [];
    const ask = () => {
      calls.push(performance.now());
      const extensions = { code: 'RATE_LIMITED', retryAfterMs: 700 };
      return calls.length > 3
        ? Promise.resolve({} as never)
        : Promise.reject(new RequestError({ message: '', extensions }));
    };
    const options = { storage, ask, getToken: () => null, deviceId: async () => 'device', deviceName: undefined };
    const signIn = new SessionSignIn(options);
    for (let time = 0; time < 5; time += 1) await signIn.token('first');
    await eventually(async () => expect(await keys('ended/')).toEqual([]), 30_000);
    signIn.close();
    expect(calls).toHaveLength(5);
    const gaps = calls.slice(1, 4).map((at, index) => at - (calls[index] ?? 0));
    // A timer may be a millisecond early.
    expect(Math.min(...gaps)).toBeGreaterThan(690);
  });

  it('in one tab signs out the others that share its session', async () => {
    let isSignedIn = true;
    const getToken = () => (isSignedIn ? service.token(alice) : null);
    const [one, other] = [1, 2].map(() => clients.of(alice, { session: true, storage, getToken }));
    await Promise.all([one, other].map((chat) => chat && live(chat)));
    isSignedIn = false;
    await one?.signOut();
    await eventually(() => expect(other?.status.value).toBe('signed-out'));
    expect([other?.userId, other?.inbox.entries, await keys('')]).toEqual([null, [], ['device']]);
    expect(await ended()).toEqual([true]);
  });
});
