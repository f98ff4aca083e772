import { eventually } from '../support/eventually.ts';
import { type Nodes, SETTINGS, startNodes } from '../support/nodes.ts';
import { newId } from '../support/service.ts';

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

describe.each(SETTINGS)('topics, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());

  it('G05: every publication arrives once, in order, at each who listens, and is kept', async () => {
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

  it('a user’s topic is theirs to hear, and a service’s to publish to', async () => {
    const { here, there } = nodes;
    const bob = await there.connect('bob');
    const mine = await bob.subscribe(LISTEN, { topics: ['user.bob.alerts', 'user/bob/alerts'] });
    for (const topic of ['user.bob.alerts', 'user/bob/alerts']) {
      expect((await here.query('alice', PUBLISH, { topic, payload: 1 })).code).toBe('FORBIDDEN');
      expect((await here.query('bob', PUBLISH, { topic, payload: 1 })).code).toBe('FORBIDDEN');
      expect((await here.query('alice', HISTORY, { topic })).code).toBe('FORBIDDEN');
      const published = await here.query('backend', PUBLISH, { topic, payload: 1 }, { scope: 'realtime:service' });
      expect(published.errors).toBeUndefined();
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

  it('no topic is two users’: one whose id has a dot is named behind a slash', async () => {
    const { here } = nodes;
    expect((await here.query('john', HISTORY, { topic: 'user.john.doe.x' })).errors).toBeUndefined();
    expect((await here.query('john.doe', HISTORY, { topic: 'user.john.doe.x' })).code).toBe('FORBIDDEN');
    expect((await here.query('john.doe', HISTORY, { topic: 'user/john.doe/x' })).errors).toBeUndefined();
    expect((await here.query('john', HISTORY, { topic: 'user/john.doe/x' })).code).toBe('FORBIDDEN');
  });

  it('claims narrow what a token may publish to and hear', async () => {
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

  it('a session’s tokens may no more than the token it was made with', async () => {
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

  it('G09: another tenant neither hears nor reads it', async () => {
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

  it('a direct message makes the conversation of two, once, and is sent once for one id', async () => {
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

  it('a direct message to oneself, to no id, or that says nothing is refused and makes no conversation', async () => {
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
