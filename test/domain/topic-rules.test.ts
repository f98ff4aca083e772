/** Topics: their names, their policies, and the rights of each viewer. */
import { faultOfTopic, inOneSpelling, isTopic, ownerOf, topicOf } from '../../src/domain/topic-name.ts';
import type { TopicPolicyInput } from '../../src/domain/topic-policies.ts';
import { bySpecificity, mayAct, mayPublishToAll, maySubscribeToAll, policyOf } from '../../src/domain/topic-policy.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Topic, TopicPolicyRecord, TopicRight, Viewer } from '../../src/model.ts';
import { openTestDomain, type TestDomain } from '../support/domain.ts';
import { alice, bob, carol, viewerOf } from '../support/world.ts';

const bad = expect.objectContaining({ code: 'BAD_USER_INPUT' });
const forbidden = expect.objectContaining({ code: 'FORBIDDEN' });
const topic = (name: string): Topic => name as Topic;
const service = viewerOf(carol, { scopes: new Set(['realtime:service']) });
const admin = viewerOf(carol, { scopes: new Set(['realtime:admin']) });

describe('names of topics', () => {
  it.each([
    ['news', 'news'],
    ['user.alice.inbox', 'user.alice.inbox'],
    ['user/alice', 'user/alice'],
    ['user/%61lice/x', 'user/alice/x'],
    ['user/a%2Fb', 'user/a%2Fb'],
    ['user/%7e', 'user/%7E'],
    ['user/a%21', 'user/a%21'],
    ['x'.repeat(LIMITS.topicCharacters), 'x'.repeat(LIMITS.topicCharacters)],
  ])('%s is stored as %s', (given, stored) => {
    expect(topicOf(given, 'topic')).toBe(stored);
    expect([isTopic(stored), faultOfTopic(stored)]).toEqual([true, null]);
  });

  it.each([
    '',
    'a b',
    'ä',
    'a*',
    'x'.repeat(LIMITS.topicCharacters + 1),
    'user/%',
    'user/%20',
    'user.a%62',
    'user/',
    'user.',
  ])('%j is none', (given) => {
    expect(() => topicOf(given, 'topic')).toThrow(bad);
    expect(isTopic(given)).toBe(false);
  });

  it('the id of a user has one spelling, a text that is no id stays', () => {
    expect([
      inOneSpelling('user/%61b.c'),
      inOneSpelling('user/%20'),
      inOneSpelling('user/%'),
      inOneSpelling('users/%61'),
    ]).toEqual(['user/ab.c', 'user/%20', 'user/%', 'users/%61']);
  });

  it('the owner is the user in it', () => {
    expect(
      ['user.bob', 'user.bob.x', 'user/bob/x', 'user/a%2Fb', 'news', 'users.bob'].map((name) => ownerOf(topic(name))),
    ).toEqual([bob, bob, bob, 'a/b', null, null]);
  });
});

const policy = (
  pattern: string,
  publish: TopicRight = 'EVERYONE',
  subscribe: TopicRight = publish,
): TopicPolicyRecord => ({
  pattern,
  publish,
  subscribe,
  keep: null,
  keepFor: null,
  schema: null,
  updatedAt: 0,
  updatedBy: carol,
});

describe('policies of topics', () => {
  it('the most specific one applies, in any order of saving', () => {
    const patterns = ['a.#', '#', 'a.*.c', 'a.b.*', 'a.b.c', 'a.b.#', 'a', 'user.*.x', 'user.#'];
    const expected: Record<string, string> = {
      'a.b.c': 'a.b.c',
      'a.b.d': 'a.b.*',
      'a.x.c': 'a.*.c',
      'a.x.y': 'a.#',
      'a.b': 'a.b.#',
      a: 'a',
      other: '#',
      'user.bob.x': 'user.*.x',
      'user.bob.y': 'user.#',
      'user/bob': 'user/#',
    };
    for (const given of [patterns, patterns.toReversed()]) {
      const policies = bySpecificity(given.map((each) => policy(each)));
      const found = Object.keys(expected).map((name) => [name, policyOf(policies, topic(name)).pattern]);
      expect(Object.fromEntries(found)).toEqual(expected);
    }
  });

  it('those of users are not opened by a pattern of all topics', () => {
    const policies = bySpecificity([policy('#', 'EVERYONE'), policy('*.*', 'EVERYONE')]);
    expect(policyOf(policies, topic('user.bob')).pattern).toBe('user.#');
  });

  const claimed = viewerOf(alice, { topics: { publish: ['a.#'], subscribe: ['a.#'] } });
  const own = viewerOf(bob);
  it.each<[TopicRight, Viewer, string, boolean]>([
    ['EVERYONE', own, 'a.b', true],
    ['EVERYONE', claimed, 'a.b', true],
    ['EVERYONE', claimed, 'b', false],
    ['CLAIMED', own, 'a.b', false],
    ['CLAIMED', claimed, 'a.b', true],
    ['CLAIMED', claimed, 'b', false],
    ['CLAIMED', service, 'a.b', true],
    ['SERVICES', claimed, 'a.b', false],
    ['SERVICES', service, 'a.b', true],
    ['OWNER', own, 'user.bob', true],
    ['OWNER', own, 'user.alice', false],
    ['OWNER', service, 'user.bob', false],
  ])('%s: a subscriber %#', (right, viewer, name, may) => {
    expect(mayAct(policy('#', right), 'subscribe', viewer, topic(name))).toBe(may);
  });

  it('a service publishes to and reads any topic of its claims; rights and claims of each act are its own', () => {
    const locked = policy('#', 'OWNER');
    expect((['publish', 'read', 'subscribe'] as const).map((act) => mayAct(locked, act, service, topic('a')))).toEqual([
      true,
      true,
      false,
    ]);
    const narrow = { ...service, topics: { publish: ['b'], subscribe: null } };
    expect([mayAct(locked, 'publish', narrow, topic('a')), mayAct(locked, 'publish', narrow, topic('b'))]).toEqual([
      false,
      true,
    ]);
    const oneWay = policy('#', 'SERVICES', 'EVERYONE');
    expect((['publish', 'read', 'subscribe'] as const).map((act) => mayAct(oneWay, act, own, topic('a')))).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('claims cover patterns that match nothing else', () => {
    const to = (publish: string[] | null, subscribe: string[] | null): Viewer =>
      viewerOf(alice, { topics: { publish, subscribe } });
    expect([
      maySubscribeToAll(to([], null), null),
      maySubscribeToAll(to(null, ['#']), null),
      maySubscribeToAll(to(null, ['a.#']), null),
    ]).toEqual([true, true, false]);
    expect(maySubscribeToAll(to(null, ['a.#', 'b']), ['a.*', 'b'])).toBe(true);
    expect(maySubscribeToAll(to(null, ['a.#']), ['a.*', 'b'])).toBe(false);
    expect([mayPublishToAll(to(null, []), ['a']), mayPublishToAll(to(['user/%61'], null), ['user/a'])]).toEqual([
      true,
      true,
    ]);
    expect([mayPublishToAll(to([], null), ['a']), mayPublishToAll(to([], null), [])]).toEqual([false, true]);
  });
});

describe('topic policies of a tenant', () => {
  let domain: TestDomain;
  beforeEach(() => {
    domain = openTestDomain();
  });
  afterEach(() => domain.close());
  const save = (input: Partial<TopicPolicyInput>, viewer = admin) =>
    domain.topicPolicies.save(viewer, { pattern: 'news.#', publish: 'EVERYONE', subscribe: 'EVERYONE', ...input });

  it('are saved, listed by pattern and deleted by admins', async () => {
    const schema = { type: 'object' };
    const saved = await save({ keep: 7, keepFor: '2h', schema });
    expect(saved).toMatchObject({
      pattern: 'news.#',
      publish: 'EVERYONE',
      subscribe: 'EVERYONE',
      keep: 7,
      keepFor: { text: '2h', ms: 7_200_000 },
      schema: JSON.stringify(schema),
      updatedBy: carol,
    });
    expect(Math.abs(saved.updatedAt - domain.clock.now())).toBeLessThan(60_000);
    for (const pattern of ['b', 'user/%61.b', 'a'])
      await save({
        pattern,
        publish: pattern[0] === 'u' ? 'OWNER' : 'EVERYONE',
        subscribe: pattern[0] === 'u' ? 'OWNER' : 'EVERYONE',
      });
    expect((await domain.topicPolicies.list(admin)).map(({ pattern }) => pattern)).toEqual([
      'a',
      'b',
      'news.#',
      'user/a.b',
    ]);
    expect((await domain.topicPolicies.delete(admin, 'user/%61.b')).pattern).toBe('user/a.b');
    await expect(domain.topicPolicies.delete(admin, 'user/a.b')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const viewer of [viewerOf(alice), service]) {
      await expect(save({}, viewer)).rejects.toEqual(forbidden);
      await expect(domain.topicPolicies.list(viewer)).rejects.toEqual(forbidden);
      await expect(domain.topicPolicies.delete(viewer, 'a')).rejects.toEqual(forbidden);
    }
  });

  it.each<[Partial<TopicPolicyInput>]>([
    [{ pattern: '' }],
    [{ pattern: 'a.#.b' }],
    [{ pattern: 'user/%' }],
    [{ publish: 'OWNER' }],
    [{ subscribe: 'OWNER' }],
    [{ pattern: 'user.#' }],
    [{ pattern: 'user.#', publish: 'OWNER', subscribe: 'EVERYONE' }],
    [{ pattern: 'user/#', publish: 'EVERYONE', subscribe: 'OWNER' }],
    [{ pattern: 'user/#', publish: 'CLAIMED', subscribe: 'OWNER' }],
    [{ keep: 0 }],
    [{ keep: 1.5 }],
    [{ keep: LIMITS.publicationsPerTopic + 1 }],
    [{ keepFor: '0s' }],
    [{ keepFor: '8d' }],
    [{ keepFor: '604801s' }],
    [{ keepFor: '1w' }],
    [{ keepFor: '1' }],
    [{ keepFor: 's' }],
    [{ schema: { type: 'none' } }],
    [{ schema: 5 }],
  ])('%j is refused', async (input) => {
    await expect(save(input)).rejects.toEqual(bad);
  });

  it.each<[Partial<TopicPolicyInput>]>([
    [{ pattern: 'user.#', publish: 'OWNER', subscribe: 'OWNER' }],
    [{ pattern: 'user/#', publish: 'SERVICES', subscribe: 'OWNER' }],
    [{ publish: 'CLAIMED', subscribe: 'SERVICES' }],
    [{ keep: 1 }],
    [{ keep: LIMITS.publicationsPerTopic }],
    [{ keepFor: '1s' }],
    [{ keepFor: '7d' }],
    [{ keepFor: '168h' }],
    [{ keepFor: '10080m' }],
    [{ schema: {} }],
  ])('%j is saved', async (input) => {
    await expect(save(input)).resolves.toMatchObject(
      input.schema === undefined && input.keepFor === undefined ? input : {},
    );
  });

  it('a tenant has so many', async () => {
    for (let n = 0; n < LIMITS.policiesPerTenant; n += 1) await save({ pattern: `t${n}` });
    await expect(save({ pattern: 'one-more' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(save({ pattern: 't0', keep: 1 })).resolves.toMatchObject({ keep: 1 });
  });

  it('a saved one applies at once to publishing, reading and subscribing', async () => {
    const { topics } = domain;
    const user = viewerOf(alice);
    const publish = (payload: unknown = { n: 1 }) => topics.publish(user, { topic: 'news.today', payload });
    const refusals = async () => {
      const all = await Promise.allSettled([
        publish(),
        topics.history(user, 'news.today', {}),
        topics.subscribeRight(user, ['other', 'news.today']),
      ]);
      return all.map((each) => (each.status === 'rejected' ? each.reason.of : null));
    };
    expect(await refusals()).toEqual([null, null, null]);
    await save({ publish: 'SERVICES', subscribe: 'SERVICES' });
    const named = { topic: 'news.today' };
    expect(await refusals()).toEqual([named, named, named]);
    await save({ publish: 'SERVICES' });
    expect(await refusals()).toEqual([named, null, null]);
    await domain.topicPolicies.delete(admin, 'news.#');
    expect(await refusals()).toEqual([null, null, null]);
    await save({ schema: { type: 'object', required: ['n'] }, keep: 2 });
    await expect(publish({ m: 1 })).rejects.toEqual(bad);
    for (let n = 0; n < 4; n += 1) await publish({ n });
    expect((await topics.history(user, 'news.today', {})).map(({ payload }) => payload)).toEqual([{ n: 2 }, { n: 3 }]);
  });

  it('a subscription is checked again by the policies known now', async () => {
    const { topics } = domain;
    const user = viewerOf(alice);
    const right = await topics.subscribeRight(user, ['news.today', 'news.today']);
    expect([right.topics, right.isKnown(), right.check(user)]).toEqual([['news.today'], true, true]);
    let changes = 0;
    const unwatch = right.watch(() => {
      changes += 1;
    });
    await save({ subscribe: 'SERVICES' });
    expect(changes).toBeGreaterThan(0);
    expect(() => right.check(user)).toThrow(forbidden);
    unwatch();
    await expect(topics.subscribeRight(user, [])).rejects.toEqual(bad);
    await expect(topics.subscribeRight(user, Array(LIMITS.topicsPerSubscription + 1).fill('a'))).rejects.toEqual(bad);
    await expect(topics.subscribeRight(user, Array(LIMITS.topicsPerSubscription).fill('a'))).resolves.toMatchObject({
      topics: ['a'],
    });
    await expect(topics.subscribeRight(user, ['$SYS'])).rejects.toEqual(forbidden);
  });
});

describe('publications', () => {
  let domain: TestDomain;
  beforeEach(() => {
    domain = openTestDomain();
  });
  afterEach(() => domain.close());
  const user = viewerOf(alice);
  const publish = (payload: unknown, idempotencyKey?: string) =>
    domain.topics.publish(user, { topic: 'news', payload, idempotencyKey });
  const history = async (range: Parameters<TestDomain['topics']['history']>[2]) =>
    (await domain.topics.history(user, 'news', range)).map(({ payload }) => payload);

  it('a repeated one is not published again, another under its key is refused', async () => {
    const first = await publish({ a: 1, b: 2 }, 'k');
    expect(first.outcome).toBe('STORED');
    const again = await publish({ b: 2, a: 1 }, 'k');
    expect([again.outcome, again.publication.id]).toEqual(['DUPLICATE', first.publication.id]);
    await expect(publish({ a: 1 }, 'k')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await publish({ a: 1 }, 'l')).outcome).toBe('STORED');
    expect(await history({})).toEqual([{ a: 1, b: 2 }, { a: 1 }]);
    for (const given of [null, undefined]) await expect(publish(given)).rejects.toEqual(bad);
    await expect(publish(1, 'a b')).rejects.toEqual(bad);
  });

  it('are read from the first or the last, of all or past a position', async () => {
    const places: (string | null)[] = [];
    for (let n = 0; n < 60; n += 1) {
      const { publication } = await publish(n);
      const { epoch, place } = publication.position;
      places.push(Buffer.from(['news', epoch, place.toString(36)].join('~')).toString('base64url'));
    }
    const from = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, n) => start + n);
    expect(await history({})).toEqual(from(10, 60));
    expect(await history({ last: 3 })).toEqual(from(57, 60));
    expect(await history({ first: 3 })).toEqual(from(0, 3));
    expect(await history({ after: places[9] })).toEqual(from(10, 60));
    expect(await history({ after: places[20], first: 3 })).toEqual(from(21, 24));
    expect(await history({ after: places[20], last: 3 })).toEqual(from(57, 60));
    expect(await history({ after: places[59] })).toEqual([]);
    await expect(history({ first: 1, last: 1 })).rejects.toEqual(bad);
    for (const n of [0, -1, 1.5, LIMITS.publicationsPerTopic + 1]) {
      await expect(history({ first: n })).rejects.toEqual(bad);
      await expect(history({ last: n })).rejects.toEqual(bad);
    }
    expect(await history({ last: LIMITS.publicationsPerTopic })).toEqual(from(0, 60));
  });
});
