/** Consumers of back ends: rights, events, and how long a pull waits for them. */
import type { TenantId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { BOTH_ENGINES, type Nodes, startNodes } from '../support/nodes.ts';
import { type Answer, type Data, newId, startTestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';

const SAVE =
  'mutation ($input: ConsumerInput!) { saveConsumer(input: $input) { name events conversations topics lag } }';
const PULL = `mutation ($consumer: String!, $member: String!, $max: Int, $waitMs: Int! = 0) {
  pullEvents(consumer: $consumer, member: $member, max: $max, waitMs: $waitMs) {
    events { id type time subject data attempt } ackToken
  }
}`;
const ACK = `mutation ($consumer: String!, $ackToken: String!, $failed: [ID!]) {
  ackEvents(consumer: $consumer, ackToken: $ackToken, failed: $failed)
}`;
const LIST = `{ consumers { name lag pending oldestPendingAt deadLetters(first: 10) { nodes { id } pageInfo { hasNextPage } } } }`;
const DELETE = 'mutation ($name: String!) { deleteConsumer(name: $name) }';
const PUBLISH =
  'mutation ($topic: String!, $payload: JSON!) { publish(topic: $topic, payload: $payload) { id timestamp position } }';

describe.each(BOTH_ENGINES)('consumers, %s', (setting) => {
  let nodes: Nodes;
  /** Each test is a tenant of its own. */
  let tenant: string;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  beforeEach(() => {
    tenant = newId();
  });
  afterAll(() => nodes.close());

  const service = (query: string, variables: object = {}, node = nodes.here): Promise<Answer> =>
    node.query('bot', query, variables, { tenant, scope: 'realtime:service' });
  const save = (input: object = {}): Promise<Answer> =>
    service(SAVE, { input: { name: 'bot', events: ['PUBLISHED', 'MESSAGE_SENT'], ...input } });
  const pull = async (more: object = {}, node = nodes.here): Promise<Data> => {
    const { data, errors } = await service(PULL, { consumer: 'bot', member: 'one', ...more }, node);
    expect(errors).toBeUndefined();
    return data.pullEvents;
  };
  const ack = async (ackToken: string, failed?: readonly string[]): Promise<Data> =>
    (await service(ACK, { consumer: 'bot', ackToken, failed })).data.ackEvents;
  const publish = async (topic: string, payload: unknown): Promise<Data> =>
    (await service(PUBLISH, { topic, payload }, nodes.there)).data.publish;
  const codeOf = ({ errors }: Answer): unknown => errors?.[0]?.extensions?.['code'];

  it('G23: a pull waits for events, and acknowledged events are not delivered again', async () => {
    const saved = await save();
    expect(saved.data.saveConsumer).toEqual({
      name: 'bot',
      events: ['PUBLISHED', 'MESSAGE_SENT'],
      conversations: null,
      topics: null,
      lag: 0,
    });
    const waiting = pull({ waitMs: 20_000 });
    const publication = await publish('news', { n: 1 });
    const { events, ackToken } = await waiting;
    expect(events).toMatchObject([
      {
        type: 'published',
        subject: 'news',
        attempt: 1,
        data: { ...publication, topic: 'news', payload: { n: 1 }, senderId: 'bot' },
      },
    ]);
    const [listed] = (await service(LIST, {}, nodes.there)).data.consumers;
    expect(listed).toMatchObject({ name: 'bot', lag: 0, pending: 1, deadLetters: { nodes: [] } });
    expect(Date.parse(listed.oldestPendingAt)).toBeGreaterThan(0);
    expect(await ack(ackToken)).toBe(true);
    expect(await ack(ackToken)).toBe(true);
    expect((await pull()).events).toEqual([]);
  });

  it('a message event has the present state of the message, and a failed event is delivered again', async () => {
    await save();
    const create = 'mutation { createConversation(input: { kind: GROUP, name: "Group" }) { id } }';
    const { id } = (await nodes.there.query('alice', create, {}, { tenant })).data.createConversation;
    const send = `mutation ($id: ID!) {
      sendMessage(input: { conversationId: $id, content: "Hello", payload: { n: 1 } }) {
        id sequence content payload timestamp
      }
    }`;
    const { sendMessage } = (await nodes.there.query('alice', send, { id }, { tenant })).data;
    const { events, ackToken } = await pull({ waitMs: 20_000 });
    expect(events).toMatchObject([
      { type: 'message.sent', subject: id, data: { ...sendMessage, senderId: 'alice', state: 'COMPLETE' } },
    ]);
    expect(await ack(ackToken, [events[0].id])).toBe(true);
    const again = await pull({ waitMs: 20_000 });
    expect(again.events).toMatchObject([{ id: events[0].id, attempt: 2 }]);
  });

  it('a client that disconnects while it waits receives no event', async () => {
    await save();
    const token = await nodes.here.token('bot', { tenant, scope: 'realtime:service' });
    const gone = new AbortController();
    const waiting = fetch(`${nodes.here.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: PULL, variables: { consumer: 'bot', member: 'gone', waitMs: 20_000 } }),
      signal: gone.signal,
    }).catch((error: Error) => error.name);
    await eventually(async () => expect((await service(LIST)).data.consumers).toHaveLength(1));
    gone.abort();
    expect(await waiting).toBe('AbortError');
    await publish('news', 1);
    expect((await pull({ waitMs: 20_000, member: 'two' })).events).toHaveLength(1);
  });

  it('G15: a waiting pull is answered when its node shuts down, and receives no event', async () => {
    const here = await startTestService({ env: onSharedRedis() });
    const { engine } = here.service;
    const { readArrivals } = engine;
    let looks = 0;
    Object.assign(engine, {
      readArrivals: (of: TenantId) => {
        looks += 1;
        return readArrivals(of);
      },
    });
    const asBot = (query: string, variables: object): Promise<Answer> =>
      here.query('bot', query, variables, { tenant, scope: 'realtime:service' });
    await asBot(SAVE, { input: { name: 'bot', events: ['PUBLISHED'] } });
    const waiting = asBot(PULL, { consumer: 'bot', member: 'one', waitMs: 20_000 });
    await eventually(() => expect(looks).toBeGreaterThan(0));
    await here.close();
    expect((await waiting).data.pullEvents.events).toEqual([]);
  });

  it('only services and admins may use consumers', async () => {
    await save();
    const asks = [
      [SAVE, { input: { name: 'bot', events: ['PUBLISHED'] } }],
      [PULL, { consumer: 'bot', member: 'one' }],
      [ACK, { consumer: 'bot', ackToken: 'x' }],
      [LIST, {}],
      [DELETE, { name: 'bot' }],
    ] as const;
    for (const [query, variables] of asks) {
      expect(codeOf(await nodes.here.query('alice', query, variables, { tenant }))).toBe('FORBIDDEN');
    }
    const admin = await nodes.here.query('root', DELETE, { name: 'bot' }, { tenant, scope: 'realtime:admin' });
    expect(admin.data).toEqual({ deleteConsumer: true });
  });

  it('the claim topics_subscribe limits the events that a consumer receives', async () => {
    const narrow = {
      tenant,
      scope: 'realtime:service',
      topics: { publish: null, subscribe: ['open.*', 'user/ann%40x.org/#'] },
    };
    const asNarrow = (query: string, variables: object = {}): Promise<Answer> =>
      nodes.here.query('narrow', query, variables, narrow);
    const saved = async (topics: readonly string[] | null, events = ['PUBLISHED']): Promise<unknown> =>
      codeOf(await asNarrow(SAVE, { input: { name: 'own', events, topics } })) ?? 'saved';
    const refused = [null, ['#'], ['open.#'], ['open.1', 'secret'], ['*.1'], ['user/ann%40x.org/*', 'user/#']];
    for (const topics of refused) expect([topics, await saved(topics)]).toEqual([topics, 'FORBIDDEN']);
    expect(await saved(null, ['MESSAGE_SENT'])).toBe('saved');
    for (const topics of [['open.1'], ['open.*', 'user/ann@x.org/drafts/#']]) expect(await saved(topics)).toBe('saved');

    await save();
    await publish('secret', 'hidden');
    await publish('open.1', 'shown');
    const wide = { consumer: 'bot', member: 'narrow' };
    expect(codeOf(await asNarrow(PULL, wide))).toBe('FORBIDDEN');
    // Nor by another record of the same name: earlier events are handed out again.
    expect(codeOf(await asNarrow(SAVE, { input: { name: 'bot', events: ['PUBLISHED'], topics: ['open.1'] } }))).toBe(
      'FORBIDDEN',
    );
    const { data } = await asNarrow(PULL, { ...wide, consumer: 'own' });
    expect(data.pullEvents.events).toMatchObject([{ subject: 'open.1', data: { payload: 'shown' } }]);
    expect((await pull()).events).toHaveLength(2);
  });

  it('presence and session events have the fields that others are shown', async () => {
    await save({ events: ['PRESENCE_CHANGED', 'SESSION_BEGUN', 'SESSION_ENDED'] });
    const asAlice = async (query: string): Promise<Data> => {
      const { data, errors } = await nodes.there.query('alice', query, {}, { tenant });
      expect(errors).toBeUndefined();
      return data;
    };
    await asAlice('mutation { setPresence(status: AWAY, statusText: "lunch") { status } }');
    const begun = await asAlice(
      'mutation { createSession(input: { deviceId: "phone" }) { session { id deviceId createdAt expiresAt } } }',
    );
    const { session } = begun.createSession;
    await asAlice(`mutation { revokeSession(id: "${session.id}") { id } }`);
    await eventually(async () => expect((await service(LIST)).data.consumers[0].lag).toBeGreaterThanOrEqual(3));
    const { events, ackToken } = await pull();
    await ack(ackToken);
    expect(events.every(({ subject }: Data) => subject === 'alice')).toBe(true);
    const of = (type: string): Data[] =>
      events.filter((event: Data) => event.type === type).map(({ data }: Data) => data);
    expect(of('presence.changed').at(-1)).toMatchObject({
      userId: 'alice',
      status: 'AWAY',
      statusText: 'lunch',
      lastSeenAt: expect.stringMatching(/Z$/),
    });
    expect(of('session.begun')).toMatchObject([{ ...session, userId: 'alice', revokedAt: null }]);
    expect(of('session.ended')).toMatchObject([{ id: session.id, revokedAt: expect.stringMatching(/Z$/) }]);
    expect(JSON.stringify(events)).not.toMatch(/hash|nonce/i);
  });

  it('bad input is refused, and changes nothing', async () => {
    await save();
    const bad: readonly (readonly [query: string, variables: object, code: string])[] = [
      [SAVE, { input: { name: 'a b', events: ['PUBLISHED'] } }, 'BAD_USER_INPUT'],
      [SAVE, { input: { name: 'bot', events: [] } }, 'BAD_USER_INPUT'],
      [SAVE, { input: { name: 'bot', events: ['NEVER'] } }, 'BAD_USER_INPUT'],
      [SAVE, { input: { name: 'bot', events: ['PUBLISHED'], topics: ['a b'] } }, 'BAD_USER_INPUT'],
      [SAVE, { input: { name: 'bot', events: ['PUBLISHED'], conversations: [''] } }, 'BAD_USER_INPUT'],
      [PULL, { consumer: 'none', member: 'one' }, 'NOT_FOUND'],
      [PULL, { consumer: 'bot', member: '' }, 'BAD_USER_INPUT'],
      [PULL, { consumer: 'bot', member: 'one', max: 0 }, 'BAD_USER_INPUT'],
      [PULL, { consumer: 'bot', member: 'one', max: 101 }, 'BAD_USER_INPUT'],
      [PULL, { consumer: 'bot', member: 'one', waitMs: 20_001 }, 'BAD_USER_INPUT'],
      [PULL, { consumer: 'bot', member: 'one', waitMs: -1 }, 'BAD_USER_INPUT'],
      [ACK, { consumer: 'bot', ackToken: 'nonsense' }, 'BAD_USER_INPUT'],
      [ACK, { consumer: 'bot', ackToken: Buffer.from('["bot","x",9]').toString('base64url') }, 'BAD_USER_INPUT'],
      [DELETE, { name: 'none' }, 'NOT_FOUND'],
      ['{ consumers { deadLetters(first: 101) { nodes { id } } } }', {}, 'BAD_USER_INPUT'],
      ['{ consumers { deadLetters(after: "x") { nodes { id } } } }', {}, 'BAD_USER_INPUT'],
    ];
    for (const [query, variables, code] of bad) {
      expect([query, variables, codeOf(await service(query, variables))]).toEqual([query, variables, code]);
    }
    const [listed] = (await service('{ consumers { name events } }')).data.consumers;
    expect(listed).toEqual({ name: 'bot', events: ['PUBLISHED', 'MESSAGE_SENT'] });
    const token = (await pull()).ackToken;
    expect(codeOf(await service(ACK, { consumer: 'other', ackToken: token }))).toBe('BAD_USER_INPUT');
  });
});
