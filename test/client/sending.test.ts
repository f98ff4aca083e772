/** Messages that the package for front ends sends: at once, refused, over a cut, after a reload, from several tabs. */
import { memoryStorage } from '../../client/src/index.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, contentsOf, live, recordMutations, shows } from './clients.ts';

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
  const throughProxy = () => ({ url: `http://127.0.0.1:${proxy.port}/graphql` });
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

  it('shows a sent message at once, and matches it with the stored one by its key', async () => {
    await create(bob);
    const chat = await live(clients.of(alice));
    const room = chat.conversation(id);
    await shows(chat, id, []);
    const key = await room.send('Hi', { payload: { n: 1 } });
    await shows(chat, id, ['Hi']);
    expect(room.messages.value.messages).toMatchObject([
      { key, clientMessageId: key, senderId: alice, payload: { n: 1 } },
    ]);
    expect(chat.unsent).toBe(0);
    await room.send('there', { replyTo: room.messages.value.messages[0]?.id ?? '' });
    await room.send('!');
    await shows(chat, id, ['Hi', 'there', '!']);
    expect(room.messages.value.messages[1]).toMatchObject({ replyTo: { id: room.messages.value.messages[0]?.id } });
  });

  it('shows a refused message as failed, and sends the ones after it', async () => {
    await create(bob);
    const chat = await live(clients.of(alice));
    const room = chat.conversation(id);
    await shows(chat, id, []);
    const first = await room.send('', {});
    await room.send('fine');
    await eventually(() =>
      expect(room.messages.value.messages).toMatchObject([
        { content: 'fine', status: 'sent' },
        { status: 'failed', error: { code: 'BAD_USER_INPUT' } },
      ]),
    );
    const large = await room.send('x'.repeat(200_000));
    await eventually(() =>
      expect(room.messages.value.messages[2]).toMatchObject({ key: large, error: { code: 'PAYLOAD_TOO_LARGE' } }),
    );
    await room.discard(first);
    await room.discard(large);
    expect(contentsOf(room.messages.value.messages)).toEqual(['fine']);
    expect(chat.unsent).toBe(0);
  });

  it('after a disconnect it receives all missed messages and sends those that waited', async () => {
    await create(bob);
    const { webSocket, sent } = recordMutations('Send');
    const chat = await live(clients.of(alice, { webSocket, ...throughProxy() }));
    await shows(chat, id, []);
    proxy.redirect(1);
    await eventually(() => expect(chat.status.value).toBe('offline'));
    for (const content of ['1', '2', '3']) await send(content);
    await chat.conversation(id).send('mine');
    expect(chat.conversation(id).messages.value.messages).toMatchObject([{ content: 'mine', status: 'sending' }]);
    proxy.redirect(service.service.port);
    await shows(chat, id, ['1', '2', '3', 'mine']);
    expect(sent).toHaveLength(1);
    expect(chat.inbox.unread).toBe(0);
  });

  it('after a reload it resumes, and sends what was unsent', async () => {
    await create(bob);
    const storage = memoryStorage();
    const { webSocket, sent } = recordMutations('Send');
    const before = await live(clients.of(alice, { storage, webSocket, ...throughProxy() }));
    await send('known');
    await shows(before, id, ['known']);
    proxy.redirect(1);
    await eventually(() => expect(before.status.value).toBe('offline'));
    await before.conversation(id).send('kept');
    before.close();
    await send('missed');
    proxy.redirect(service.service.port);
    const after = await live(clients.of(alice, { storage, webSocket }));
    await shows(after, id, ['known', 'missed', 'kept']);
    expect(after.unsent).toBe(0);
    expect(sent).toHaveLength(1);
  });

  it('streams a message over a disconnect, and stops when a reader requests it', async () => {
    await create(bob);
    const writer = await live(clients.of(alice, throughProxy()));
    const reader = await live(clients.of(bob, throughProxy()));
    await shows(reader, id, []);
    const shown = () => reader.conversation(id).messages.value.messages.map(({ content }) => content);
    async function* answer() {
      yield 'Once ';
      await eventually(() => expect(shown()).toEqual(['Once ']));
      proxy.redirect(service.service.port);
      // As a model's tokens are: a character in two.
      yield '\ud83c';
      yield '\udf89 upon ';
      await eventually(() => expect(shown()).toEqual(['Once 🎉 upon ']));
      yield 'a time';
    }
    const written = await writer.conversation(id).stream(answer());
    expect(written).toMatchObject({ content: 'Once 🎉 upon a time', state: 'COMPLETE' });
    await shows(reader, id, ['Once 🎉 upon a time']);
    // The end of a text is told behind it.
    await eventually(() =>
      expect(reader.conversation(id).messages.value.messages).toMatchObject([{ state: 'COMPLETE', length: 18 }]),
    );

    async function* endless() {
      for (let n = 0; ; n += 1) {
        yield `${n} `;
        await eventually(() => expect(shown()[1]).toContain(`${n} `));
        const message = reader.conversation(id).messages.value.messages[1];
        if (n === 1) await reader.conversation(id).stop(message?.id ?? '');
      }
    }
    const ended = { isStopped: false };
    const onStop = () => {
      ended.isStopped = true;
    };
    expect(await writer.conversation(id).stream(endless(), { onStop })).toMatchObject({ state: 'COMPLETE' });
    expect(ended).toEqual({ isStopped: true });

    // One that has nothing to append for as long as its model thinks is told by the stream.
    async function* thinking() {
      yield 'Hm';
      await eventually(() => expect(shown()[2]).toBe('Hm'));
      await reader.conversation(id).stop(reader.conversation(id).messages.value.messages[2]?.id ?? '');
      await new Promise(() => undefined);
    }
    const { webSocket, sent } = recordMutations('Append');
    const thinker = await live(clients.of(alice, { webSocket }));
    expect(await thinker.conversation(id).stream(thinking())).toMatchObject({ content: 'Hm', state: 'COMPLETE' });
    expect(sent).toHaveLength(1);
  });

  it('messages of several tabs are sent once and in order', async () => {
    await create(bob);
    const storage = memoryStorage();
    const { webSocket, sent } = recordMutations('Send');
    const options = { storage, webSocket };
    const tabs = [clients.of(alice, options), clients.of(alice, options)];
    await Promise.all(tabs.map(live));
    const write = (n: number) => tabs.map((tab, index) => tab.conversation(id).send(`${index}-${n}`));
    for (let n = 0; n < 5; n += 1) await Promise.all(write(n));
    // Each tab finds those of the other in storage.
    await Promise.all([5, 6, 7, 8, 9].flatMap(write));
    await eventually(() => expect(tabs.map(({ unsent }) => unsent)).toEqual([0, 0]));
    const reader = await live(clients.of(bob));
    const { messages } = reader.conversation(id);
    messages.subscribe(() => undefined);
    await eventually(() => expect(messages.value.messages).toHaveLength(20));
    const contents = contentsOf(messages.value.messages);
    for (const index of [0, 1])
      expect(contents.filter((content) => content.startsWith(`${index}-`))).toEqual(
        Array.from({ length: 10 }, (_, n) => `${index}-${n}`),
      );
    expect(sent.map(({ input }) => input.content).sort()).toEqual(contents.sort());
  });
});
