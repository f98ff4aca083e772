/** User ids come from the platform: every way in, with a matrix of ids. */
import { apolloRouter, type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, newId } from '../support/service.ts';
import { WAYS } from './user-id-ways.ts';

const IDS = [
  'auth0|64f5c2e1',
  'ann+tag@example.org',
  'a/b',
  'a%2Fb',
  'u.s.e.r:x',
  '李雷-josé',
  // Another one than the same in NFC.
  'e\u0301',
  '"\\\'`{}[]()<>&?=;,~!$^*#',
  '__proto__',
  '👩🏽‍🚀'.repeat(25),
  'x'.repeat(128),
];

const NO_IDS = ['', ' ', 'a b', 'a\u00a0b', 'a\u2028b', 'a\nb', 'a\u0000', 'a\u0085', '\ud800', 'x'.repeat(129)];

describe.each(LONG_SETTINGS)('ids of users, %s', (setting) => {
  let nodes: Nodes;
  let router: CallbackRouter;
  beforeAll(async () => {
    router = await startCallbackRouter(apolloRouter);
    nodes = await startNodes(setting, { CALLBACK_ALLOWED_URLS: router.url });
  });
  afterAll(async () => {
    await nodes.close();
    await router.close();
  });

  it.each(Object.entries(WAYS))('every id is accepted and returned unchanged by %s', async (_, way) => {
    await Promise.all(IDS.map((id) => way({ nodes, router }, id)));
  });

  it('an invalid id is refused in a token with UNAUTHENTICATED and elsewhere with BAD_USER_INPUT', async () => {
    const { here } = nodes;
    for (const id of NO_IDS) {
      expect([id, (await here.query(id, '{ viewer { id } }')).code]).toEqual([id, 'UNAUTHENTICATED']);
      const named = await here.query('ann', 'query ($id: ID!) { presence(userIds: [$id]) { userId } }', { id });
      expect([id, named.code]).toEqual([id, 'BAD_USER_INPUT']);
    }
    const socket = await connectRaw(here, 'ann');
    expect((await socket.ask('Presence', { watch: ['a b'] })).data.code).toBe('BAD_USER_INPUT');
    await socket.close();
  });

  it.each([
    ['ann', 'user/%61nn', 'user/ann'],
    ['auth0|64f', 'user/auth0%7c64f', 'user/auth0%7C64f'],
    ['ann@example.org', 'user/ann@example.org', 'user/ann%40example.org'],
    ['u.s', 'user/u%2Es', 'user/u.s'],
  ])('a topic of a user has one stored spelling: %s, written %s and %s', async (id, given, kept) => {
    const { here, there } = nodes;
    const tenant = newId();
    const end = newId();
    const [written, topic] = [`${given}/${end}`, `${kept}/${end}`];
    const claims = { tenant, topics: { subscribe: [`${given}/#`], publish: null } };
    const client = await there.connect(id, claims);
    const heard = await client.subscribe(
      'subscription ($t: String!) { topicPublished(topics: [$t]) { topic payload } }',
      {
        t: written,
      },
    );
    const publish = 'mutation ($t: String!, $p: JSON!) { publish(topic: $t, payload: $p) { topic } }';
    const service = { tenant, scope: 'realtime:service realtime:admin' };
    const sent = [written, topic].map((t, p) => here.query('backend', publish, { t, p }, service));
    for (const { data } of await Promise.all(sent)) expect(data).toEqual({ publish: { topic } });
    await eventually(() =>
      expect(heard.events.map(({ topicPublished }) => topicPublished.payload).toSorted()).toEqual([0, 1]),
    );
    expect(heard.events.map(({ topicPublished }) => topicPublished.topic)).toEqual([topic, topic]);
    expect((await here.query('nobody', `{ topicHistory(topic: "${written}") { id } }`, {}, { tenant })).code).toBe(
      'FORBIDDEN',
    );
    await client.close();
  });

  it.each([
    'user/%',
    'user/%zz',
    'user/%C3',
    'user/%ED%A0%80',
    'user/',
    'user/%20',
    'user/%C0%AE',
    'user.auth0%7C64f',
    'user.%61nn',
    'user.',
  ])('a topic that begins with %s/ is invalid in every way', async (user) => {
    const { here, there } = nodes;
    const topic = `${user}/${newId()}`;
    const tenant = newId();
    const service = async (query: string, variables: object): Promise<Data> =>
      here.query('backend', query, variables, { tenant, scope: 'realtime:service realtime:admin' });
    const socket = await connectRaw(there, 'ann', { tenant });
    const client = await there.connect('ann', { tenant });
    const heard = await client.subscribe('subscription ($t: String!) { topicPublished(topics: ["a", $t]) { id } }', {
      t: topic,
    });
    const save = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';
    const rule = { name: 'Rule', match: { on: ['TOPIC'] }, action: { copy: { topics: ['news', topic] } } };
    const many = 'mutation ($t: String!) { publishMany(items: [{topic: $t, payload: 1}]) { error { code } } }';
    const answers: Data[] = [
      await service('mutation ($t: String!) { publish(topic: $t, payload: 1) { id } }', { t: topic }),
      await service('query ($t: String!) { topicHistory(topic: $t) { id } }', { t: topic }),
      await service(save, { input: rule }),
      await service(save, { input: { ...rule, match: { on: ['TOPIC'], topic: `${user}/#` }, action: { drop: true } } }),
      (await service(many, { t: topic })).data.publishMany[0].error,
      (await socket.ask('Broadcast', { topic, payload: 1 })).data,
      (await socket.ask('Subscribe', { topics: [topic] })).data,
      (await socket.ask('Unsubscribe', { topics: [topic] })).data,
      await eventually(() => heard.errors[0]?.extensions ?? Promise.reject(new Error('not refused'))),
    ];
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 'BAD_USER_INPUT'));
    await client.close();
    await socket.close();
  });
});
