/** Routing rules: who may save them, their actions, and the limits of hostile ones. */
import { eventually } from '../support/eventually.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Answer, type Data, newId } from '../support/service.ts';

const FIELDS = 'id name enabled priority match action onFault updatedBy { id }';
const SAVE = `mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { ${FIELDS} } }`;
const DELETE = 'mutation ($id: ID!) { deleteRoutingRule(id: $id) { id } }';
const LIST = `{ routingRules { ${FIELDS} } }`;
const TEST = `query ($input: RoutingRuleInput!, $sample: JSON!) {
  testRoutingRule(input: $input, sample: $sample) { outcome content payload topics users { id } fault }
}`;
const PUBLISH =
  'mutation ($topic: String!, $payload: JSON!) { publish(topic: $topic, payload: $payload) { id payload } }';
const DIRECT = `mutation ($userId: ID!, $content: String!, $payload: JSON, $key: ID) {
  sendDirectMessage(userId: $userId, content: $content, payload: $payload, clientMessageId: $key) {
    id content payload conversationId
  }
}`;
const ALL = { on: ['TOPIC', 'DIRECT', 'GROUP', 'ROOM'] };

describe.each(LONG_SETTINGS)('routing rules, %s', (setting) => {
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

  const admin = (query: string, variables: object): Promise<Answer> =>
    nodes.here.query('root', query, variables, { tenant, scope: 'realtime:admin' });
  const save = async (input: object): Promise<Data> => {
    const { data, errors } = await admin(SAVE, { input: { name: 'Rule', ...input } });
    expect(errors).toBeUndefined();
    return data.saveRoutingRule;
  };
  const publish = (topic: string, payload: unknown): Promise<Answer> =>
    nodes.there.query('alice', PUBLISH, { topic, payload }, { tenant });
  const direct = (content: string, payload: unknown = null, key?: string): Promise<Answer> =>
    nodes.there.query('alice', DIRECT, { userId: 'bob', content, payload, key }, { tenant });
  const history = async (topic: string): Promise<Data[]> => {
    const { data } = await nodes.here.query('alice', `{ topicHistory(topic: "${topic}") { payload } }`, {}, { tenant });
    return data.topicHistory.map(({ payload }: Data) => payload);
  };
  /** What a session that was never here is given by the time its ping is answered: a replay may take longer. */
  const inboxOf = async (userId: string): Promise<Data[]> => {
    const client = await connectRaw(nodes.here, userId, { tenant }, `&device_id=${newId()}`);
    await client.ask('Ping');
    const messages = client.of('DirectMessage');
    await client.close();
    return messages.map(({ sender_id, payload }) => [sender_id, payload]);
  };
  /** Rules written on one node hold on the other within a second. */
  const held = (check: () => Promise<void>): Promise<void> => eventually(check);

  it('topic claims of the admin’s token narrow the rules that it saves, replaces and deletes', async () => {
    const topics = { publish: ['open.#', 'copies'], subscribe: ['open.#', 'other'] };
    const asNarrow = async (query: string, variables: object): Promise<unknown> =>
      (await nodes.here.query('root', query, variables, { tenant, scope: 'realtime:admin', topics })).code ?? 'done';
    const saved = (topic: string | undefined, action: object, on = ['TOPIC'], id?: string): Promise<unknown> =>
      asNarrow(SAVE, { input: { id, name: 'Rule', match: { on, topic }, action } });
    const drop = { drop: true };
    const copyTo = (...names: string[]) => ({ copy: { topics: names } });
    const refused = [undefined, '#', '*', 'other', 'copies', 'secret', 'user/root/#'];
    for (const topic of refused) expect([topic, await saved(topic, drop)]).toEqual([topic, 'FORBIDDEN']);
    expect(await saved('open.1', copyTo('copies', 'other'))).toBe('FORBIDDEN');
    expect(await saved('open.1', { forward: { topics: ['secret'] } })).toBe('FORBIDDEN');
    expect(await saved(undefined, copyTo('secret'), ['ROOM'])).toBe('FORBIDDEN');
    expect(await saved('open.*', drop, ['TOPIC', 'ROOM'], 'own')).toBe('done');
    expect(await saved('open.1', copyTo('copies', 'open.2'))).toBe('done');
    expect(await saved('open.1', { forward: { users: ['bob'] } })).toBe('done');
    expect(await saved(undefined, drop, ['DIRECT'])).toBe('done');

    await save({ id: 'wide', match: { on: ['TOPIC'] }, action: drop });
    expect(await saved('open.1', drop, ['TOPIC'], 'wide')).toBe('FORBIDDEN');
    expect([await asNarrow(DELETE, { id: 'wide' }), await asNarrow(DELETE, { id: 'own' })]).toEqual([
      'FORBIDDEN',
      'done',
    ]);
  });

  it('are managed by admins only, sorted by priority, replaced and deleted by id', async () => {
    const drop = { match: { on: ['TOPIC'] }, action: { drop: true } };
    for (const query of [SAVE, DELETE, LIST, TEST]) {
      const variables = { id: 'one', input: { name: 'Rule', ...drop }, sample: {} };
      expect((await nodes.here.query('alice', query, variables, { tenant })).code).toBe('FORBIDDEN');
    }
    const one = await save({ id: 'one', ...drop, enabled: false, name: 'One' });
    expect(one).toEqual({
      id: 'one',
      name: 'One',
      enabled: false,
      priority: 0,
      match: { on: ['TOPIC'], topic: null, sender: null, where: null },
      action: { drop: true },
      onFault: 'PASS',
      updatedBy: { id: 'root' },
    });
    await save({ id: 'two', ...drop, priority: 5, enabled: false });
    await save({ id: 'one', ...drop, name: 'Again', enabled: false });
    const { data } = await admin(LIST, {});
    expect(data.routingRules.map(({ id, name }: Data) => [id, name])).toEqual([
      ['two', 'Rule'],
      ['one', 'Again'],
    ]);
    expect((await admin(DELETE, { id: 'two' })).data.deleteRoutingRule).toEqual({ id: 'two' });
    expect((await admin(DELETE, { id: 'two' })).code).toBe('NOT_FOUND');
    const other = await nodes.here.query('root', LIST, {}, { tenant: newId(), scope: 'realtime:admin' });
    expect(other.data.routingRules).toEqual([]);
  });

  it('apply on each node until they are deleted', async () => {
    await save({ id: 'gone', match: { on: ['TOPIC'], topic: 'news' }, action: { drop: true } });
    await held(async () => expect((await publish('news', 1)).code).toBe('FORBIDDEN'));
    await admin(DELETE, { id: 'gone' });
    await held(async () => expect((await publish('news', 2)).errors).toBeUndefined());
  });

  it('drop, transform, copy and forward publications', async () => {
    await publish('before', 1);
    await save({ id: 'a', priority: 4, match: { on: ['TOPIC'], topic: 'spam.#' }, action: { drop: true } });
    await save({
      id: 'b',
      priority: 3,
      match: { on: ['TOPIC'], where: 'payload.n > 1 and sender = "alice"' },
      action: { transform: '{ "n": payload.n * 10, "kind": kind, "topic": topic }' },
    });
    await save({
      id: 'c',
      priority: 2,
      match: { on: ['TOPIC'], topic: 'orders.*' },
      action: { copy: { topics: ['audit'] } },
    });
    await save({
      id: 'd',
      priority: 1,
      match: { on: ['TOPIC'], topic: 'moved' },
      action: { forward: { users: ['carol', 'alice'] } },
    });
    await held(async () => {
      const before = (await history('spam.x')).length;
      const dropped = await publish('spam.x', 1);
      expect(dropped.data).toEqual({ publish: null });
      expect(dropped.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', reason: 'DROPPED' } }]);
      expect(await history('spam.x')).toHaveLength(before);
    });
    const spam = await history('spam.x');
    await publish('orders.1', { n: 1 });
    expect((await publish('orders.1', { n: 2 })).data.publish.payload).toEqual({
      n: 20,
      kind: 'TOPIC',
      topic: 'orders.1',
    });
    await publish('moved', { n: 0 });
    const two = { n: 20, kind: 'TOPIC', topic: 'orders.1' };
    expect(await history('orders.1')).toEqual([{ n: 1 }, two]);
    // The copy is routed again: it has another topic, and n is above one.
    expect(await history('audit')).toEqual([{ n: 1 }, { n: 200, kind: 'TOPIC', topic: 'audit' }]);
    expect(await history('moved')).toEqual([]);
    await held(async () => expect(await inboxOf('carol')).toEqual([['alice', { n: 0 }]]));
    expect(await history('spam.x')).toEqual(spam);
  });

  it('drop, transform, copy and forward direct messages; a repeated message is copied once', async () => {
    await save({
      id: 'a',
      priority: 3,
      match: { on: ['DIRECT'], where: '$contains(content, "secret")' },
      action: { drop: true },
    });
    await save({
      id: 'b',
      priority: 2,
      match: { on: ['DIRECT'], where: 'payload.go' },
      action: { forward: { users: ['carol'] } },
    });
    await save({ id: 'c', priority: 1, match: { on: ['DIRECT'] }, action: { transform: '{ "was": payload }' } });
    await save({ id: 'd', match: { on: ['DIRECT'], sender: 'alice' }, action: { copy: { topics: ['copies'] } } });
    await held(async () => expect((await direct('a secret')).code).toBe('FORBIDDEN'));
    const first = await direct('hello', { a: 1 }, 'key');
    expect(first.data.sendDirectMessage).toMatchObject({ content: 'hello', payload: { was: { a: 1 } } });
    expect((await direct('hello', { a: 1 }, 'key')).data).toEqual(first.data);
    expect(await history('copies')).toEqual([{ was: { a: 1 } }]);
    const moved = await direct('', { go: true });
    expect(moved.data.sendDirectMessage.conversationId).not.toBe(first.data.sendDirectMessage.conversationId);
    await held(async () => expect(await inboxOf('bob')).toEqual([['alice', { was: { a: 1 } }]]));
    // Forwarded, it is a direct message, and is forwarded thrice at most.
    await held(async () => expect((await inboxOf('carol')).at(-1)).toEqual(['alice', expect.anything()]));
  });

  it('that forward in a circle end after three hops', async () => {
    await save({ match: { on: ['TOPIC'], topic: 'loop' }, action: { copy: { topics: ['loop', 'loop2'] } } });
    await held(async () => {
      await publish('loop', 'x');
      expect((await history('loop')).length).toBeGreaterThan(1);
    });
    await save({ id: 'x', match: { on: ['TOPIC'], topic: 'ring' }, action: { forward: { topics: ['ring'] } } });
    await held(async () => {
      const before = (await history('ring')).length;
      await publish('ring', 'y');
      await publish('ring', 'y');
      expect(await history('ring')).toHaveLength(before + 2);
    });
  });

  it.each([
    ['a condition that loops', { where: '($f := function($n) { $f($n + 1) }; $f(0))' }, null],
    ['a condition that nests', { where: '($f := function($n) { 1 + $f($n + 1) }; $f(0))' }, null],
    ['a condition that backtracks', { where: '$match(payload.text, /^(a+)+$/)' }, null],
    ['a condition that fails', { where: '$error("no")' }, null],
    ['a transform that eats memory', {}, { transform: '$map([1..10000000], function($v) { $pad("", 1000) })' }],
    ['a transform to an empty message', {}, { transform: 'payload.none' }],
    ['a transform over the cap', {}, { transform: '$pad("", 40000, "x")' }],
    ['a transform that nests deep', {}, { transform: '$reduce([1..50], function($a, $b) { {"a": $a} })' }],
  ])('%s: the rule is skipped and counted, and the message is delivered', async (_name, match, action) => {
    await save({ priority: 1, match: { ...ALL, ...match }, action: action ?? { drop: true } });
    await save({ match: { on: ['TOPIC'] }, action: { copy: { topics: ['copied'] } } });
    const payload = { text: `${'a'.repeat(40)}!` };
    // Behind a first one the other node has heard of the rules.
    await held(async () => {
      await publish('first', payload);
      expect(await history('copied')).not.toEqual([]);
    });
    await publish('news', payload);
    expect(await history('news')).toEqual([payload]);
    const metrics = await (await fetch(`${nodes.there.url}/metrics`)).text();
    expect(metrics).toMatch(/realtime_routing_rules_total\{outcome="fault"\} [1-9]/);
  });

  it('a rule that hangs delays no other publication, and is suspended for a minute', async () => {
    await save({
      match: { on: ['TOPIC'], topic: 'slow', where: '$match(payload, /^(a+)+$/)' },
      action: { drop: true },
    });
    await save({ match: { on: ['TOPIC'], topic: 'known' }, action: { drop: true } });
    await held(async () => {
      const before = (await history('known')).length;
      await publish('known', 1);
      expect(await history('known')).toHaveLength(before);
    });
    let isOver = false;
    const slow = held(() => publish('slow', `${'a'.repeat(40)}!`).then(() => undefined)).then(() => {
      isOver = true;
    });
    let meanwhile = 0;
    for (; !isOver; meanwhile += 1) await publish('fast', meanwhile);
    // The last may have been answered behind it.
    expect(meanwhile).toBeGreaterThan(1);
    await slow;
    const faults = async (): Promise<string | undefined> =>
      /rules_total\{outcome="fault"\} (\d+)/.exec(await (await fetch(`${nodes.there.url}/metrics`)).text())?.[1];
    const before = await faults();
    for (let n = 0; n < 5; n += 1) await publish('slow', `${'a'.repeat(40)}!`);
    expect(await faults()).toBe(before);
    expect((await history('slow')).length).toBeGreaterThan(5);
  });

  it('a dry run shows the outcome of a rule, and changes nothing', async () => {
    const dry = async (match: object, action: object, sample: object): Promise<Data> =>
      (await admin(TEST, { input: { name: 'Rule', match, action }, sample })).data.testRoutingRule;
    const sample = { kind: 'TOPIC', topic: 'a.b', payload: { n: 2 } };
    const nothing = { content: '', payload: { n: 2 }, topics: [], users: [], fault: null };
    expect(await dry({ on: ['TOPIC'], topic: 'a.*' }, { drop: true }, sample)).toEqual({ outcome: 'DROP', ...nothing });
    expect(await dry({ on: ['DIRECT'] }, { drop: true }, sample)).toEqual({ outcome: 'PASS', ...nothing });
    expect(await dry({ on: ['TOPIC'] }, { transform: 'payload.n + 1' }, sample)).toEqual({
      outcome: 'TRANSFORM',
      ...nothing,
      payload: 3,
    });
    const redact = { transform: { content: '"[redacted]"', payload: '{"was": content}' } };
    const said = { kind: 'GROUP', topic: 'g', content: 'secret', payload: null };
    expect(await dry({ on: ['GROUP'] }, redact, said)).toEqual({
      ...nothing,
      outcome: 'TRANSFORM',
      content: '[redacted]',
      payload: { was: 'secret' },
    });
    expect(await dry({ on: ['TOPIC'] }, { copy: { users: ['bob'] } }, sample)).toEqual({
      outcome: 'COPY',
      ...nothing,
      users: [{ id: 'bob' }],
    });
    expect(await dry({ on: ['TOPIC'], where: '$error("no")' }, { drop: true }, sample)).toMatchObject({
      outcome: 'FAULT',
      fault: expect.any(String),
    });
    expect((await admin(LIST, {})).data.routingRules).toEqual([]);
  });

  it.each([
    ['no kinds', { match: { on: [] }, action: { drop: true } }],
    ['an unknown kind', { match: { on: ['GROUPS'] }, action: { drop: true } }],
    ['an unknown key', { match: { on: ['TOPIC'], nonsense: 1 }, action: { drop: true } }],
    ['a list for a match', { match: [], action: { drop: true } }],
    ['no pattern', { match: { on: ['TOPIC'], topic: '#.a' }, action: { drop: true } }],
    ['no expression', { match: { on: ['TOPIC'], where: '((' }, action: { drop: true } }],
    ['a long expression', { match: { on: ['TOPIC'], where: '1'.repeat(2_001) }, action: { drop: true } }],
    ['no action', { match: ALL, action: {} }],
    ['two actions', { match: ALL, action: { drop: true, transform: '1' } }],
    ['a transform of nothing', { match: ALL, action: { transform: {} } }],
    ['a transform of something else', { match: ALL, action: { transform: { sender: '"bob"' } } }],
    ['a transform to no expression', { match: ALL, action: { transform: { content: '((' } } }],
    ['a transform to a number', { match: ALL, action: { transform: { payload: 1 } } }],
    ['no drop', { match: ALL, action: { drop: 'yes' } }],
    ['no targets', { match: ALL, action: { forward: { topics: [] } } }],
    ['both kinds of targets', { match: ALL, action: { copy: { topics: ['a'], users: ['b'] } } }],
    ['a pattern for a target', { match: ALL, action: { copy: { topics: ['a.*'] } } }],
    ['too many targets', { match: ALL, action: { copy: { users: Array.from({ length: 21 }, (_, n) => `u${n}`) } } }],
    ['no name', { name: '', match: ALL, action: { drop: true } }],
    ['a key of the prototype', { match: ALL, action: { constructor: true } }],
  ])('%s: BAD_USER_INPUT, and nothing is saved', async (_name, input) => {
    expect((await admin(SAVE, { input: { name: 'Rule', ...input } })).code).toBe('BAD_USER_INPUT');
    expect((await admin(LIST, {})).data.routingRules).toEqual([]);
  });
});
