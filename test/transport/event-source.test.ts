/** The standard `EventSource`: it resumes by itself, with nothing but what the protocol gives it. */
import { EventSource } from 'eventsource';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const documentOf = (field: string, id: string): string =>
  `subscription { ${field}(conversationIds: ["${id}"]) { content } }`;

/** The text of a message, the id of a conversation that was joined, or else the name of the event. */
const saidBy = (told: Data): string =>
  told.content ?? told.message?.content ?? told.conversation?.id ?? told.__typename ?? '';

describe('EventSource', () => {
  let env: Record<string, string>;
  let here: TestService;
  let there: TestService;
  let proxy: TcpProxy;
  const sources: EventSource[] = [];
  beforeAll(async () => {
    // It comes back after the time that a drain may take.
    env = { ...onSharedRedis(), DRAIN_WINDOW: '0ms' };
    [here, there] = await Promise.all([startTestService({ env }), startTestService({ env })]);
    proxy = await startTcpProxy(here.service.port);
  });
  afterEach(() => {
    for (const source of sources.splice(0)) source.close();
  });
  afterAll(async () => {
    await proxy.close();
    await Promise.all([here.close(), there.close()]);
  });

  async function begin(): Promise<string> {
    const id = newId();
    await here.query('alice', `mutation { createConversation(input: { id: "${id}", memberIds: ["bob"] }) { id } }`);
    return id;
  }
  async function send(id: string, content: string): Promise<string> {
    const mutation = `mutation { sendMessage(input: { conversationId: "${id}", content: "${content}" }) { id } }`;
    return (await here.query('alice', mutation)).data.sendMessage.id;
  }

  async function open(query: string, port = proxy.port) {
    const token = await here.token('bob');
    const contents: string[] = [];
    const asked: (string | null)[] = [];
    const source = new EventSource(`http://127.0.0.1:${port}/graphql?query=${encodeURIComponent(query)}`, {
      fetch: (url, init) => {
        const headers: Record<string, string> = { ...init.headers, authorization: `Bearer ${token}` };
        asked.push(headers['Last-Event-ID'] ?? null);
        return fetch(url, { ...init, headers });
      },
    });
    sources.push(source);
    source.addEventListener('next', ({ data }) => {
      const { data: event, errors } = JSON.parse(data);
      contents.push(event ? saidBy(Object.values<Data>(event)[0]) : errors[0].extensions.code);
    });
    const opened = Promise.withResolvers<void>();
    source.addEventListener('open', () => opened.resolve(), { once: true });
    await opened.promise;
    return { contents, asked };
  }

  it('messageReceived: messages sent while it was away come first, once and in order, on either node', async () => {
    const id = await begin();
    const { contents, asked } = await open(documentOf('messageReceived', id));
    await send(id, 'before');
    await eventually(() => expect(contents).toEqual(['before']));
    const expected = ['before'];
    for (const [round, node] of [there, here].entries()) {
      proxy.redirect(node.service.port);
      for (const each of ['1', '2', '3', '4']) {
        await send(id, `${round}.${each}`);
        expected.push(`${round}.${each}`);
      }
      await eventually(() => expect(contents).toEqual(expected));
    }
    expect(new Set(asked).size).toBe(3);
  });

  it('messageUpdated: edits made while it was away are delivered', async () => {
    const id = await begin();
    const messageId = await send(id, 'first');
    const { contents } = await open(documentOf('messageUpdated', id));
    const edit = (content: string) =>
      here.query('alice', `mutation { editMessage(id: "${messageId}", content: "${content}") { id } }`);
    await edit('before');
    await eventually(() => expect(contents).toEqual(['before']));
    proxy.redirect(here.service.port);
    await edit('away');
    await eventually(() => expect(contents).toEqual(['before', 'away']));
  });

  it('inbox: events of all conversations are delivered, including one created while it was away', async () => {
    const first = await begin();
    const { contents, asked } = await open(
      'subscription { inbox { __typename ... on MessageSent { message { content } } ... on ConversationJoined { conversation { id } } } }',
    );
    const heard = (): string[] => [...new Set(contents)];
    await eventually(() => expect(heard()).toContain('Checkpoint'));
    await send(first, 'before');
    await eventually(() => expect(heard()).toContain('before'));
    proxy.redirect(there.service.port);
    const second = await begin();
    for (const [index, id] of [first, second, first].entries()) await send(id, `away ${index}`);
    await eventually(() => expect(heard()).toEqual(expect.arrayContaining(['away 0', 'away 1', 'away 2', second])));
    expect(asked.at(-1)).not.toBeNull();
    // Those of one conversation are in order.
    expect(heard().indexOf('before')).toBeLessThan(heard().indexOf('away 0'));
    expect(heard().indexOf('away 0')).toBeLessThan(heard().indexOf('away 2'));
    expect(heard().indexOf(second)).toBeLessThan(heard().indexOf('away 1'));
  });

  it('over a restart it gets the retry time, waits as long as a drain may take, and misses nothing', async () => {
    const id = await begin();
    const stopping = await startTestService({ env });
    const network = await startTcpProxy(stopping.service.port);
    const { contents } = await open(documentOf('messageReceived', id), network.port);
    await send(id, 'before');
    await eventually(() => expect(contents).toEqual(['before']));
    network.lead(there.service.port);
    await stopping.close();
    await send(id, 'away');
    await eventually(() => expect(contents).toEqual(['before', 'SERVICE_UNAVAILABLE', 'away']));
    await network.close();
  });
});
