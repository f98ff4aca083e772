import { eventually } from '../support/eventually.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';
import { describeTopicPolicyCases } from './topic-policy-cases.ts';

const PUBLISH = `mutation ($topic: String!, $payload: JSON!) {
  publish(topic: $topic, payload: $payload) { id topic payload senderId timestamp }
}`;
const LISTEN = `subscription ($topics: [String!]!) {
  topicPublished(topics: $topics) { id topic payload senderId timestamp }
}`;
const HISTORY = `query ($topic: String!, $last: Int) { topicHistory(topic: $topic, last: $last) { id payload } }`;
const DIRECT = `mutation ($userId: ID!, $content: String!, $payload: JSON, $clientMessageId: ID) {
  sendDirectMessage(userId: $userId, content: $content, payload: $payload, clientMessageId: $clientMessageId) {
    id content payload sequence senderId conversation { id kind memberCount }
  }
}`;

describe.each(LONG_SETTINGS)('topics, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());

  it('G05: every publication arrives once and in order at each subscriber, and is stored', async () => {
    const { here, there } = nodes;
    const topic = `news/${newId()}`;
    const bob = await there.connect('bob');
    const carol = await there.connect('carol');
    const [one, two] = [
      await bob.subscribe(LISTEN, { topics: [topic, topic, 'other'] }),
      await carol.subscribe(LISTEN, { topics: [topic] }),
    ];
    const sent = [];
    for (let n = 0; n < 60; n += 1) {
      const { data } = await here.query('alice', PUBLISH, { topic, payload: { n } });
      sent.push(data.publish);
    }
    expect(sent[0]).toEqual({
      id: expect.any(String),
      topic,
      payload: { n: 0 },
      senderId: 'alice',
      timestamp: expect.any(String),
    });
    for (const subscription of [one, two]) {
      await subscription.count(60);
      expect(subscription.events.map((each) => each.topicPublished)).toEqual(sent);
    }
    const { data } = await there.query('carol', HISTORY, { topic });
    expect(data.topicHistory).toEqual(sent.slice(-50).map(({ id, payload }) => ({ id, payload })));
    expect((await there.query('carol', HISTORY, { topic, last: 2 })).data.topicHistory).toHaveLength(2);
    await bob.close();
    await carol.close();
  });

  it('only its user subscribes to a user’s topic, and only services publish to it', async () => {
    const { here, there } = nodes;
    const bob = await there.connect('bob');
    const mine = await bob.subscribe(LISTEN, { topics: ['user.bob.alerts', 'user/bob/alerts'] });
    for (const topic of ['user.bob.alerts', 'user/bob/alerts']) {
      expect((await here.query('alice', PUBLISH, { topic, payload: 1 })).code).toBe('FORBIDDEN');
      expect((await here.query('bob', PUBLISH, { topic, payload: 1 })).code).toBe('FORBIDDEN');
      expect((await here.query('alice', HISTORY, { topic })).code).toBe('FORBIDDEN');
      const published = await here.query('backend', PUBLISH, { topic, payload: 1 }, { scope: 'realtime:service' });
      expect(published.errors).toBeUndefined();
      const read = await here.query('backend', HISTORY, { topic }, { scope: 'realtime:service' });
      expect(read.data.topicHistory).toHaveLength(1);
    }
    expect((await mine.count(2)).map((each) => each.topicPublished.topic)).toEqual([
      'user.bob.alerts',
      'user/bob/alerts',
    ]);
    const alice = await there.connect('alice');
    const refused = await alice.subscribe(LISTEN, { topics: ['news', 'user.bob.alerts'] });
    await eventually(() => expect(refused.isOver).toBe(true));
    expect(refused.errors[0]?.extensions.code).toBe('FORBIDDEN');
    await bob.close();
    await alice.close();
  });

  it('a user’s topic has one owner: ids with a dot are used with slashes only', async () => {
    const { here } = nodes;
    expect((await here.query('john', HISTORY, { topic: 'user.john.doe.x' })).errors).toBeUndefined();
    expect((await here.query('john.doe', HISTORY, { topic: 'user.john.doe.x' })).code).toBe('FORBIDDEN');
    expect((await here.query('john.doe', HISTORY, { topic: 'user/john.doe/x' })).errors).toBeUndefined();
    expect((await here.query('john', HISTORY, { topic: 'user/john.doe/x' })).code).toBe('FORBIDDEN');
  });

  it('claims limit the topics that a token may publish and subscribe to', async () => {
    const { here } = nodes;
    const topics = { publish: ['orders.*.paid'], subscribe: ['orders.#'] };
    const may = async (query: string, topic: string) =>
      (await here.query('alice', query, { topic, payload: 1 }, { topics })).code ?? 'OK';
    expect(await may(PUBLISH, 'orders.1.paid')).toBe('OK');
    for (const topic of ['orders', 'orders.1', 'orders.1.paid.twice', 'orders/1/paid', 'news'])
      expect(await may(PUBLISH, topic)).toBe('FORBIDDEN');
    for (const topic of ['orders', 'orders.1', 'orders.1.paid/twice']) expect(await may(HISTORY, topic)).toBe('OK');
    for (const topic of ['order', 'ordersx', 'news']) expect(await may(HISTORY, topic)).toBe('FORBIDDEN');
  });

  it('session tokens have no more rights than the token they were created with', async () => {
    const { here } = nodes;
    const create = 'mutation { createSession(input: { deviceId: "d" }) { accessToken refreshToken } }';
    const { data } = await here.query('alice', create, {}, { topics: { publish: ['a'], subscribe: [] } });
    const refreshed = await here.query(
      null,
      'mutation ($t: String!) { refreshSession(refreshToken: $t) { accessToken } }',
      {
        t: data.createSession.refreshToken,
      },
    );
    for (const token of [data.createSession.accessToken, refreshed.data.refreshSession.accessToken]) {
      const ask = async (query: string, topic: string) => {
        const response = await fetch(`${here.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
          body: JSON.stringify({ query, variables: { topic, payload: 1 } }),
        });
        const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
        return errors?.[0]?.extensions.code ?? 'OK';
      };
      expect(await ask(PUBLISH, 'a')).toBe('OK');
      expect(await ask(PUBLISH, 'b')).toBe('FORBIDDEN');
      expect(await ask(HISTORY, 'a')).toBe('FORBIDDEN');
    }
  });

  it('G02: a repeated key returns the same publication, and with another payload is CONFLICT', async () => {
    const { here, there } = nodes;
    const topic = `news/${newId()}`;
    const document = `mutation ($topic: String!, $payload: JSON!, $key: ID) {
      publish(topic: $topic, payload: $payload, idempotencyKey: $key) { id payload timestamp position }
    }`;
    const publish = async (node: typeof here, payload: unknown, key: string, user = 'alice') =>
      node.query(user, document, { topic, payload, key });
    const first = await publish(here, { a: 1, b: 2 }, 'one');
    expect(first.data.publish.position).toEqual(expect.any(String));
    expect((await publish(there, { b: 2, a: 1 }, 'one')).data).toEqual(first.data);
    expect((await publish(there, { a: 2 }, 'one')).code).toBe('CONFLICT');
    expect((await publish(there, { a: 2 }, 'no key')).code).toBe('BAD_USER_INPUT');
    expect((await publish(there, { a: 1, b: 2 }, 'one', 'bob')).data.publish.id).not.toBe(first.data.publish.id);
    expect((await here.query('alice', HISTORY, { topic })).data.topicHistory).toHaveLength(2);
  });

  it('each item of a batch has its own outcome, in order', async () => {
    const { here } = nodes;
    const topic = `news/${newId()}`;
    const document = `mutation ($items: [PublishInput!]!) {
      publishMany(items: $items) { publication { id payload } error { code reason } outcome }
    }`;
    const items = [
      { topic, payload: 1, idempotencyKey: 'one' },
      { topic: 'a b', payload: 2 },
      { topic: 'user.bob.alerts', payload: 3 },
      { topic, payload: 1, idempotencyKey: 'one' },
      { topic, payload: 5, idempotencyKey: 'one' },
      { topic, payload: 6 },
    ];
    const { data } = await here.query('alice', document, { items });
    const summary = data.publishMany.map(({ publication, error, outcome }: Data) => [
      outcome,
      publication?.payload ?? error.code,
    ]);
    expect(summary).toEqual([
      ['STORED', 1],
      ['FAILED', 'BAD_USER_INPUT'],
      ['FAILED', 'FORBIDDEN'],
      ['DUPLICATE', 1],
      ['FAILED', 'CONFLICT'],
      ['STORED', 6],
    ]);
    const history = (await here.query('alice', HISTORY, { topic })).data.topicHistory;
    expect(history.map(({ payload }: Data) => payload)).toEqual([1, 6]);
    for (const count of [0, 101]) {
      const many = Array.from({ length: count }, () => ({ topic, payload: 1 }));
      expect((await here.query('alice', document, { items: many })).code).toBe('BAD_USER_INPUT');
    }
  });

  it('the messages of a batch are sent in order, each with its own outcome', async () => {
    const { here } = nodes;
    const id = newId();
    await here.query('alice', `mutation { createConversation(input: { id: "${id}", kind: GROUP, name: "x" }) { id } }`);
    const document = `mutation ($items: [SendMessageInput!]!) {
      sendMessages(items: $items) { message { sequence content } error { code } outcome }
    }`;
    const items = [
      ...Array.from({ length: 20 }, (_, n) => ({ conversationId: id, content: `${n}`, clientMessageId: `m${n}` })),
      { conversationId: id, content: '0', clientMessageId: 'm0' },
      { conversationId: newId(), content: 'x' },
    ];
    const { data } = await here.query('alice', document, { items });
    expect(data.sendMessages.slice(0, 20).map(({ message, outcome }: Data) => [outcome, message])).toEqual(
      Array.from({ length: 20 }, (_, n) => ['STORED', { sequence: n + 1, content: `${n}` }]),
    );
    expect(data.sendMessages.slice(20)).toEqual([
      { outcome: 'DUPLICATE', message: { sequence: 1, content: '0' }, error: null },
      { outcome: 'FAILED', message: null, error: { code: 'NOT_FOUND' } },
    ]);
  });

  it('G06: a client that resumes at a position receives what it missed, in order, once, then new ones', async () => {
    const { here, there } = nodes;
    const [one, two] = [`news/${newId()}`, `news/${newId()}`];
    const publish = async (topic: string, payload: unknown): Promise<string> => {
      const document =
        'mutation ($topic: String!, $payload: JSON!) { publish(topic: $topic, payload: $payload) { position } }';
      return (await here.query('alice', document, { topic, payload })).data.publish.position;
    };
    const after = [await publish(one, 0), await publish(two, 0)];
    for (let n = 1; n <= 60; n += 1) await publish(one, n);
    await publish(two, 1);
    const bob = await there.connect('bob');
    const document = `subscription ($topics: [String!]!, $after: [ID!]) {
      topicPublished(topics: $topics, after: $after) { topic payload position }
    }`;
    const heard = await bob.subscribe(document, { topics: [one, two], after });
    await heard.count(61);
    for (let n = 61; n <= 65; n += 1) await publish(one, n);
    await heard.count(66);
    const of = (topic: string) =>
      heard.events.map(({ topicPublished: each }) => each).filter((each) => each.topic === topic);
    expect(of(one).map(({ payload }) => payload)).toEqual(Array.from({ length: 65 }, (_, n) => n + 1));
    expect(of(two).map(({ payload }) => payload)).toEqual([1]);
    const page = `query ($topic: String!, $after: ID, $first: Int, $last: Int) {
      topicHistory(topic: $topic, after: $after, first: $first, last: $last) { payload }
    }`;
    const history = async (range: object) =>
      (await there.query('bob', page, { topic: one, ...range })).data.topicHistory.map(({ payload }: Data) => payload);
    expect(await history({ after: after[0], first: 2 })).toEqual([1, 2]);
    expect(await history({ after: after[0], last: 2 })).toEqual([64, 65]);
    expect(await history({ after: of(one).at(-1)?.position })).toEqual([]);
    expect((await there.query('bob', page, { topic: one, first: 1, last: 1 })).code).toBe('BAD_USER_INPUT');
    for (let n = 0; n < 100; n += 1) await publish(one, n);
    const expired = { code: 'POSITION_EXPIRED', reason: 'RETENTION', topic: one };
    const { errors } = await there.query('bob', page, { topic: one, after: after[0] });
    expect(errors?.[0]?.extensions).toEqual(expired);
    const refusals: [Data, object][] = [
      [{ topics: [one, two], after }, expired],
      [{ topics: [one], after: [after[1]] }, { code: 'BAD_USER_INPUT' }],
      [{ topics: [two], after: [after[1], after[1]] }, { code: 'BAD_USER_INPUT' }],
      [{ topics: [two], after: ['x'] }, { code: 'BAD_USER_INPUT' }],
    ];
    for (const [variables, extensions] of refusals) {
      const refused = await bob.subscribe(document, variables);
      await eventually(() => expect(refused.isOver).toBe(true));
      expect(refused.errors[0]?.extensions).toMatchObject(extensions);
    }
    await bob.close();
  });

  describeTopicPolicyCases(() => nodes);

  it.each([
    ['', 'BAD_USER_INPUT'],
    ['x'.repeat(201), 'BAD_USER_INPUT'],
    ['a\r\nb', 'BAD_USER_INPUT'],
    ['a b', 'BAD_USER_INPUT'],
    ['a.*', 'BAD_USER_INPUT'],
    ['$internal', 'FORBIDDEN'],
  ])('topic %j: %s', async (topic, code) => {
    const { here } = nodes;
    expect((await here.query('alice', PUBLISH, { topic, payload: 1 })).code).toBe(code);
    expect((await here.query('alice', HISTORY, { topic })).code).toBe(code);
  });

  it('G09: another tenant neither receives nor reads publications', async () => {
    const { here, there } = nodes;
    const topic = `news/${newId()}`;
    const bob = await there.connect('bob', { tenant: 'other' });
    const listening = await bob.subscribe(LISTEN, { topics: [topic] });
    await here.query('alice', PUBLISH, { topic, payload: 'secret' });
    await here.query('alice', PUBLISH, { topic, payload: 'own' }, { tenant: 'other' });
    await listening.count(1);
    expect(listening.events.map((each) => each.topicPublished.payload)).toEqual(['own']);
    expect((await here.query('bob', HISTORY, { topic }, { tenant: 'other' })).data.topicHistory).toHaveLength(1);
    await bob.close();
  });

  it('a direct message creates the conversation of the two once, and is stored once under its id', async () => {
    const { here, there } = nodes;
    const [alice, bob] = [newId(), newId()];
    const watching = await there.connect(bob);
    const listening = await watching.subscribe('subscription { messageReceived { id content payload senderId } }');
    const variables = { userId: bob, content: 'Hi', payload: { a: 1 }, clientMessageId: 'one' };
    const answers = await Promise.all(
      [here, there, here].map(async (node) => (await node.query(alice, DIRECT, variables)).data.sendDirectMessage),
    );
    expect(answers[0]).toMatchObject({
      sequence: 1,
      content: 'Hi',
      payload: { a: 1 },
      conversation: { kind: 'DIRECT', memberCount: 2 },
    });
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    const back = await there.query(bob, DIRECT, { userId: alice, content: 'Hello' });
    expect(back.data.sendDirectMessage).toMatchObject({ sequence: 2, conversation: answers[0].conversation });
    await listening.count(2);
    expect(listening.events.map((each) => each.messageReceived.content)).toEqual(['Hi', 'Hello']);
    await watching.close();
  });

  it('a direct message to oneself, to an invalid id, or without content is refused and creates nothing', async () => {
    const { here } = nodes;
    const [alice, bob] = [newId(), newId()];
    for (const variables of [
      { userId: alice, content: 'Hi' },
      { userId: 'a b', content: 'Hi' },
      { userId: bob, content: '' },
      { userId: bob, content: 'x'.repeat(8_001) },
      { userId: bob, content: 'Hi', clientMessageId: 'a b' },
    ])
      expect((await here.query(alice, DIRECT, variables)).code).toBe('BAD_USER_INPUT');
    expect((await here.query(alice, '{ viewer { conversations { id } } }')).data.viewer.conversations).toEqual([]);
  });
});
