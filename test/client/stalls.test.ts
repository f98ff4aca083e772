/** What must not hold up the outbox: an app that does not answer or throws, a dead browser storage, another tab that is busy. */
import { memoryStorage } from '../../client/src/index.ts';
import { indexedDbStorage } from '../../client/src/storage/index.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { clientsOf, live } from './clients.ts';

const CREATE = `mutation ($id: ID!) { createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: []}) { id } }`;

describe('a client sends its messages', () => {
  let service: TestService;
  let alice: string;
  let id: string;
  const clients = clientsOf(() => service);

  beforeAll(async () => {
    service = await startTestService();
  });
  beforeEach(async () => {
    [alice, id] = [`alice-${newId()}`, newId()];
    await service.query(alice, CREATE, { id });
  });
  afterEach(() => clients.close());
  afterAll(() => service.close());

  it('after `getToken` has not answered', async () => {
    let calls = 0;
    const getToken = async (): Promise<string> => {
      calls += 1;
      return calls === 1 ? new Promise<string>(() => undefined) : service.token(alice);
    };
    const chat = clients.of(alice, { getToken, tokenWithinMs: 50 });
    await chat.conversation(id).send('Hi');
    await eventually(() => expect(chat.unsent).toBe(0));
    expect(calls).toBe(2);
  });

  it('although a listener of the app throws at each change', async () => {
    const logged: unknown[] = [];
    const { error } = console;
    console.error = (said: unknown) => logged.push(said);
    try {
      const chat = clients.of(alice);
      const fail = (): never => {
        throw new Error('the app');
      };
      chat.status.subscribe(fail);
      chat.conversation(id).messages.subscribe(fail);
      await chat.conversation(id).send('Hi');
      await eventually(() => expect([chat.status.value, chat.unsent]).toEqual(['live', 0]));
      expect(logged).toContainEqual(new Error('the app'));
    } finally {
      clients.close();
      console.error = error;
    }
  });

  it('although the browser never opens its database', async () => {
    const browser = globalThis as { indexedDB?: unknown };
    browser.indexedDB = { open: () => ({}) };
    try {
      const chat = clients.of(alice, { storage: indexedDbStorage() });
      await chat.conversation(id).send('Hi');
      await eventually(() => expect(chat.unsent).toBe(0));
    } finally {
      delete browser.indexedDB;
    }
  });

  it('although another tab always has something to send', async () => {
    const storage = memoryStorage();
    const [busy, other] = [await live(clients.of(alice, { storage })), await live(clients.of(alice, { storage }))];
    let isOver = false;
    let most = 0;
    const writing = (async () => {
      while (!isOver) {
        await eventually(() => expect(busy.unsent).toBeLessThan(20));
        for (let n = 0; n < 20; n += 1) await busy.conversation(id).send('Hi');
        most = Math.max(most, busy.unsent);
      }
    })();
    await eventually(() => expect(most).toBeGreaterThan(10));
    const key = await other.conversation(id).send('at last');
    await eventually(() => expect(other.unsent).toBe(0)).finally(() => {
      isOver = true;
    });
    await writing;
    expect(key).not.toBe('');
  });
});
