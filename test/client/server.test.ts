/** The package for back ends, as a service, over a network that fails. */
import { parse, validate } from 'graphql';
import * as server from '../../client/src/server/index.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { createConversation, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const SERVICE = { scope: 'realtime:service' };
const HISTORY = 'query ($topic: String!) { topicHistory(topic: $topic, first: 100) { payload } }';
const MESSAGES = `query ($id: ID!) { conversation(id: $id) {
  messages(last: 100) { nodes { content state via senderId } }
} }`;

describe('a back end', () => {
  let service: TestService;
  let proxy: TcpProxy;
  let alice: string;
  let id: string;
  const reasons: string[] = [];
  const make = (options: Partial<server.ServiceOptions> = {}): server.RealtimeService =>
    server.createService({
      url: `http://127.0.0.1:${proxy.port}/graphql`,
      getToken({ reason }) {
        reasons.push(reason);
        return service.token('orders', { ...SERVICE, expiresAt: Math.floor(service.clock.now() / 1_000) + 60 });
      },
      ...options,
    });
  beforeAll(async () => {
    service = await startTestService({ env: { RATE_LIMIT_SERVICE: '150' } });
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(async () => {
    alice = `alice-${newId()}`;
    ({ id } = await createConversation(user(service, alice)));
  });
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });
  const published = async (topic: string): Promise<unknown[]> => {
    const { data } = await service.query('orders', HISTORY, { topic }, SERVICE);
    return data.topicHistory.map(({ payload }: Data) => payload);
  };
  const messages = async (): Promise<Data[]> =>
    (await service.query(alice, MESSAGES, { id })).data.conversation.messages.nodes;

  it('every document is valid against the schema', () => {
    const schema = createSchema();
    const documents = [server.PUBLISH, server.PUBLISH_MANY, server.SEND_ONE, server.SEND_MANY];
    expect(documents.flatMap((document) => validate(schema, parse(document)))).toEqual([]);
  });

  it('publishes once, though the answer is lost and the network fails', async () => {
    const topic = `orders.${newId()}`;
    // Each answer is broken off in its middle, until one is let through.
    await service.query('orders', HISTORY, { topic }, SERVICE);
    const publishing = make().publish({ topic, payload: { n: 1 } });
    const breaking = setInterval(() => proxy.resetAnswers(), 1);
    await eventually(async () => expect(await published(topic)).toEqual([{ n: 1 }]));
    clearInterval(breaking);
    expect(await publishing).toMatchObject({ topic, payload: { n: 1 }, senderId: 'orders' });
    proxy.redirect(1);
    const later = make().publish({ topic, payload: { n: 2 }, idempotencyKey: 'two' });
    proxy.redirect(service.service.port);
    const first = await later;
    expect(await make().publish({ topic, payload: { n: 2 }, idempotencyKey: 'two' })).toEqual(first);
    expect(await published(topic)).toEqual([{ n: 1 }, { n: 2 }]);
    await expect(make().publish({ topic, payload: 'other', idempotencyKey: 'two' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it('publishMany exceeds the batch size and the rate: each item is published once, with its own result', async () => {
    const topics = Array.from({ length: 3 }, () => `orders.${newId()}`);
    const inputs = Array.from({ length: 260 }, (_, n) => ({ topic: topics[n % 3] ?? '', payload: n }));
    const refused = { topic: 'not a topic', payload: 0 };
    const results = await make().publishMany([refused, ...inputs]);
    expect(results[0]).toMatchObject({ outcome: 'FAILED', publication: null, error: { code: 'BAD_USER_INPUT' } });
    expect(results.slice(1).map(({ publication }) => publication?.payload)).toEqual(
      inputs.map(({ payload }) => payload),
    );
    for (const topic of topics) {
      const payloads = inputs.filter((input) => input.topic === topic).map(({ payload }) => payload);
      const stored = await published(topic);
      expect([...stored].sort((one, other) => Number(one) - Number(other))).toEqual(payloads);
    }
  });

  it('sends one and several messages on behalf of a member', async () => {
    const chat = make();
    const sent = await chat.sendMessage({ conversationId: id, content: 'Hi', onBehalfOf: alice, clientMessageId: 'a' });
    expect(sent).toMatchObject({ content: 'Hi', senderId: alice, sequence: 1 });
    const again = { conversationId: id, content: 'Hi', onBehalfOf: alice, clientMessageId: 'a' };
    const results = await chat.sendMessages([again, { conversationId: id, content: 'there', onBehalfOf: alice }]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['DUPLICATE', 'STORED']);
    expect(await messages()).toMatchObject([
      { content: 'Hi', via: 'orders', senderId: alice },
      { content: 'there', via: 'orders', senderId: alice },
    ]);
    await expect(chat.sendMessage({ conversationId: newId(), content: 'x', onBehalfOf: alice })).rejects.toMatchObject({
      name: 'RequestError',
    });
  });

  it('streams a message from an iterable over a disconnect, and aborts it when the iterable throws', async () => {
    async function* answer() {
      yield 'Once ';
      await eventually(async () => expect(await messages()).toMatchObject([{ content: 'Once ', state: 'STREAMING' }]));
      proxy.redirect(service.service.port);
      yield 'upon a time';
    }
    const written = await make().streamMessage(id, answer(), { onBehalfOf: alice });
    expect(written).toMatchObject({ content: 'Once upon a time', state: 'COMPLETE' });
    async function* broken() {
      yield 'half';
      await eventually(async () => expect(await messages()).toMatchObject([{}, { content: 'half' }]));
      throw new Error('The model is gone.');
    }
    await expect(make().streamMessage(id, broken(), { onBehalfOf: alice })).rejects.toThrow('The model is gone.');
    expect(await messages()).toMatchObject([{ state: 'COMPLETE' }, { content: 'half', state: 'ABORTED' }]);
  });

  it('asks for a new token when its own has expired, and gives up when that one is refused', async () => {
    const chat = make();
    let token = await service.token('orders', { ...SERVICE, expiresAt: Math.floor(service.clock.now() / 1_000) + 60 });
    const asked: string[] = [];
    const cached = make({
      async getToken({ reason }) {
        asked.push(reason);
        if (reason === 'expired') token = await service.token('orders', SERVICE);
        return token;
      },
    });
    await cached.publish({ topic: 'orders.tokens', payload: 1 });
    service.clock.advance(100_000);
    await cached.publish({ topic: 'orders.tokens', payload: 2 });
    expect(asked.filter((reason) => reason !== 'again')).toEqual(['first', 'expired']);
    await expect(make({ getToken: () => 'nonsense' }).publish({ topic: 'orders.x', payload: 1 })).rejects.toMatchObject(
      {
        code: 'UNAUTHENTICATED',
      },
    );
    expect(await chat.request('{ viewer { id } }')).toEqual({ viewer: { id: 'orders' } });
  });

  it('gives up after giveUpAfterMs', async () => {
    const chat = server.createService({
      url: 'http://127.0.0.1:1/graphql',
      getToken: () => service.token('orders', SERVICE),
      giveUpAfterMs: 300,
    });
    await expect(chat.publish({ topic: 'orders.x', payload: 1 })).rejects.toThrow('fetch failed');
  });
});
