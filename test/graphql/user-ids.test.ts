/** Ids of users are the platform's: every way that one goes × a matrix of them. */
import { apolloRouter, type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { newId } from '../support/service.ts';
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

describe.each(['embedded', 'two nodes on one Redis'] as const)('ids of users, %s', (setting) => {
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

  it.each(Object.entries(WAYS))('every id goes through %s', async (_, way) => {
    await Promise.all(IDS.map((id) => way({ nodes, router }, id)));
  });

  it('what is no id of a user signs nobody in, and is bad input wherever one is named', async () => {
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

  it('a topic of a user whose id is not well encoded is nobody’s', async () => {
    const history = 'query ($t: String!) { topicHistory(topic: $t) { id } }';
    const publish = 'mutation ($t: String!) { publish(topic: $t, payload: 1) { id } }';
    for (const segment of ['%', '%zz', '%C3', '%ED%A0%80', '']) {
      const topic = `user/${segment}/${newId()}`;
      expect((await nodes.here.query(segment || 'ann', history, { t: topic })).code).toBe('FORBIDDEN');
      expect((await nodes.here.query('ann', publish, { t: topic })).code).toBe('FORBIDDEN');
    }
  });
});
