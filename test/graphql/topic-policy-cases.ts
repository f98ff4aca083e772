/** Topic policies over every way to publish, subscribe and read. */
import { LIMITS } from '../../src/limits.ts';
import type { TopicRight } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import type { Nodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Answer, type Data, newId, type TokenClaims } from '../support/service.ts';

const SAVE = `mutation ($input: TopicPolicyInput!) {
  saveTopicPolicy(input: $input) { pattern publish subscribe keep keepFor schema updatedBy { id } }
}`;
const DELETE = 'mutation ($pattern: String!) { deleteTopicPolicy(pattern: $pattern) { pattern } }';
const LIST = '{ topicPolicies { pattern publish subscribe keep keepFor schema updatedBy { id } } }';
const PUBLISH = `mutation ($topic: String!, $payload: JSON!, $key: ID) {
  publish(topic: $topic, payload: $payload, idempotencyKey: $key) { id payload }
}`;
const MANY = `mutation ($topic: String!, $payload: JSON!) {
  publishMany(items: [{ topic: $topic, payload: $payload }]) { outcome error { code } }
}`;
const HISTORY = 'query ($topic: String!) { topicHistory(topic: $topic) { payload } }';
const LISTEN = 'subscription ($topics: [String!]!) { topicPublished(topics: $topics) { topic payload } }';
const RULE = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';

/** One tenant's admin, on one node; everyone else is on the other. */
class PolicyTenant {
  readonly tenant = newId();
  readonly #nodes: Nodes;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  admin(query: string, variables: object = {}): Promise<Answer> {
    return this.#nodes.here.query('root', query, variables, { tenant: this.tenant, scope: 'realtime:admin' });
  }

  async save(pattern: string, publish: TopicRight, subscribe: TopicRight, more: object = {}): Promise<void> {
    const input = { pattern, publish, subscribe, ...more };
    expect((await this.admin(SAVE, { input })).errors).toBeUndefined();
  }

  ask(user: string, query: string, variables: object, claims: TokenClaims = {}): Promise<Answer> {
    return this.#nodes.there.query(user, query, variables, { tenant: this.tenant, ...claims });
  }

  connect(user: string, claims: TokenClaims = {}) {
    return this.#nodes.there.connect(user, { tenant: this.tenant, ...claims });
  }

  raw(user: string, claims: TokenClaims = {}) {
    return connectRaw(this.#nodes.there, user, { tenant: this.tenant, ...claims });
  }
}

const SERVICE: TokenClaims = { scope: 'realtime:service' };
const CLAIMED: TokenClaims = { topics: { publish: ['workflow.*'], subscribe: ['workflow.*'] } };
const OTHERS: TokenClaims = { topics: { publish: ['news'], subscribe: ['news'] } };

export function describeTopicPolicyCases(open: () => Nodes): void {
  it('only admins save, list and delete a policy, which is answered as given', async () => {
    const world = new PolicyTenant(open());
    const schema = { type: 'object', required: ['status'] };
    const input = { pattern: 'workflow.*', publish: 'SERVICES', subscribe: 'CLAIMED', keep: 5, keepFor: '2h', schema };
    const saved = { ...input, updatedBy: { id: 'root' } };
    expect((await world.admin(SAVE, { input })).data.saveTopicPolicy).toEqual(saved);
    await world.save('a', 'EVERYONE', 'EVERYONE');
    const { topicPolicies } = (await world.admin(LIST)).data;
    expect(topicPolicies.map(({ pattern }: Data) => pattern)).toEqual(['a', 'workflow.*']);
    expect(topicPolicies[1]).toEqual(saved);
    expect(topicPolicies[0]).toMatchObject({ keep: null, keepFor: null, schema: null });
    for (const claims of [{}, SERVICE]) {
      expect((await world.ask('alice', LIST, {}, claims)).code).toBe('FORBIDDEN');
      expect((await world.ask('alice', SAVE, { input }, claims)).code).toBe('FORBIDDEN');
      expect((await world.ask('alice', DELETE, { pattern: 'a' }, claims)).code).toBe('FORBIDDEN');
    }
    expect((await world.admin(DELETE, { pattern: 'a' })).data.deleteTopicPolicy).toEqual({ pattern: 'a' });
    expect((await world.admin(DELETE, { pattern: 'a' })).code).toBe('NOT_FOUND');
  });

  it.each([
    ['an invalid pattern', { pattern: 'a.#.b' }],
    ['no pattern', { pattern: '' }],
    ['OWNER for a topic without an owner', { publish: 'OWNER' }],
    ['users’ topics with EVERYONE', { pattern: 'user.#' }],
    ['users’ topics with publish EVERYONE', { pattern: 'user/*/x', publish: 'EVERYONE', subscribe: 'OWNER' }],
    ['users’ topics with subscribe SERVICES', { pattern: 'user.*', publish: 'SERVICES', subscribe: 'SERVICES' }],
    ['keep below the minimum', { keep: 0 }],
    ['keep above the maximum', { keep: LIMITS.publicationsPerTopic + 1 }],
    ['an invalid duration', { keepFor: '5' }],
    ['too short a duration', { keepFor: '0s' }],
    ['too long a duration', { keepFor: '8d' }],
    ['an invalid schema', { schema: [] }],
    ['a regular expression', { schema: { pattern: 'a' } }],
  ])('%s is BAD_USER_INPUT and changes nothing', async (_, wrong) => {
    const world = new PolicyTenant(open());
    const input = { pattern: 'a.*', publish: 'EVERYONE', subscribe: 'EVERYONE', ...wrong };
    expect((await world.admin(SAVE, { input })).code).toBe('BAD_USER_INPUT');
    expect((await world.admin(LIST)).data.topicPolicies).toEqual([]);
  });

  it('a policy is enforced in every way to publish, subscribe and read', async () => {
    const world = new PolicyTenant(open());
    await world.save('workflow.*', 'SERVICES', 'CLAIMED');
    await world.save('workflow.open', 'CLAIMED', 'SERVICES');
    const waysOf = async (topic: string, claims: TokenClaims) => {
      const ask = async (query: string) =>
        (await world.ask('alice', query, { topic, payload: 1 }, claims)).code ?? 'OK';
      const many = await world.ask('alice', MANY, { topic, payload: 1 }, claims);
      const raw = await world.raw('alice', claims);
      const socket = await world.connect('alice', claims);
      const code = async (type: string, data: object) => (await raw.ask(type, data)).data.code ?? 'OK';
      const subscription = await socket.subscribe(LISTEN, { topics: [topic] });
      const isHeard = async (): Promise<string> => {
        await world.ask('backend', PUBLISH, { topic, payload: 'heard' }, SERVICE);
        await eventually(() => expect(subscription.isOver || subscription.events.length > 0).toBe(true));
        return subscription.errors[0]?.extensions.code ?? 'OK';
      };
      const ways = {
        publish: [
          await ask(PUBLISH),
          many.data.publishMany[0].error?.code ?? 'OK',
          await code('Broadcast', { topic, payload: 1 }),
        ],
        hear: [await isHeard(), await code('Subscribe', { topics: [topic] })],
        read: await ask(HISTORY),
      };
      await raw.close();
      await socket.close();
      return ways;
    };
    const [yes, no] = ['OK', 'FORBIDDEN'];
    const all = (publish: string, hear: string, read: string) => ({
      publish: [publish, publish, publish],
      hear: [hear, hear],
      read,
    });
    expect(await waysOf('workflow.1', {})).toEqual(all(no, no, no));
    expect(await waysOf('workflow.1', OTHERS)).toEqual(all(no, no, no));
    expect(await waysOf('workflow.1', CLAIMED)).toEqual(all(no, yes, yes));
    expect(await waysOf('workflow.1', SERVICE)).toEqual(all(yes, yes, yes));
    expect(await waysOf('workflow.open', {})).toEqual(all(no, no, no));
    expect(await waysOf('workflow.open', CLAIMED)).toEqual(all(yes, no, no));
    expect(await waysOf('workflow.open', SERVICE)).toEqual(all(yes, yes, yes));
    expect(await waysOf('workflow.1.more', {})).toEqual(all(yes, yes, yes));
  });

  it('the schema of a topic is enforced in every way to publish, except for repeated keys', async () => {
    const world = new PolicyTenant(open());
    const schema = { type: 'object', properties: { status: { enum: ['RUNNING', 'DONE'] } }, required: ['status'] };
    const good = { status: 'DONE' };
    const publish = (topic: string, payload: unknown, key?: string) =>
      world.ask('backend', PUBLISH, { topic, payload, key }, SERVICE);
    const before = await publish('workflow.1', { status: 'OLD' }, 'old');
    await world.save('workflow.*', 'SERVICES', 'EVERYONE', { schema });
    const refused = await publish('workflow.1', { status: 'BAD' });
    expect(refused).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(refused.errors?.[0]?.message).toMatch(
      /^payload: must fit the schema of workflow\.\*: \/status must be equal to one of/,
    );
    expect((await publish('workflow.1', { status: 'OLD' }, 'old')).data).toEqual(before.data);
    expect((await publish('workflow.1', { status: 'OLD' }, 'new')).code).toBe('BAD_USER_INPUT');
    expect((await publish('workflow.1', good)).errors).toBeUndefined();
    const raw = await world.raw('backend', SERVICE);
    const broadcast = async (payload: unknown) =>
      (await raw.ask('Broadcast', { topic: 'workflow.1', payload })).data.code ?? 'OK';
    expect([await broadcast({}), await broadcast(good)]).toEqual(['BAD_USER_INPUT', 'OK']);
    await raw.close();
    const rule = {
      name: 'copy',
      match: { on: ['TOPIC'], topic: 'news' },
      action: { copy: { topics: ['workflow.1'] } },
    };
    expect((await world.admin(RULE, { input: rule })).errors).toBeUndefined();
    await eventually(async () => {
      await publish('news', 'no status');
      await publish('news', { status: 'RUNNING' });
      const { topicHistory } = (await world.ask('alice', HISTORY, { topic: 'workflow.1' })).data;
      const told = topicHistory.map(({ payload }: Data) => payload);
      expect(told.slice(0, 4)).toEqual([{ status: 'OLD' }, good, good, { status: 'RUNNING' }]);
    });
  });

  it('a topic keeps as many publications as its policy says', async () => {
    const world = new PolicyTenant(open());
    await world.save('latest', 'EVERYONE', 'EVERYONE', { keep: 1, keepFor: '7d' });
    for (const payload of [1, 2, 3]) await world.ask('alice', PUBLISH, { topic: 'latest', payload });
    expect((await world.ask('alice', HISTORY, { topic: 'latest' })).data.topicHistory).toEqual([{ payload: 3 }]);
  });

  it('a stream that loses the right to a topic ends with its name, and other streams go on', async () => {
    const world = new PolicyTenant(open());
    const [alice, service] = [await world.connect('alice'), await world.connect('backend', SERVICE)];
    const raw = await world.raw('alice');
    const ending = await alice.subscribe(LISTEN, { topics: ['news', 'secret.1'] });
    const lasting = await alice.subscribe(LISTEN, { topics: ['news'] });
    const allowed = await service.subscribe(LISTEN, { topics: ['secret.1'] });
    await raw.ask('Subscribe', { topics: ['news', 'secret.1'] });
    const publish = (topic: string) => world.ask('backend', PUBLISH, { topic, payload: topic }, SERVICE);
    await eventually(async () => {
      await publish('secret.1');
      await publish('news');
      expect([ending, lasting, allowed].every(({ events }) => events.length > 0)).toBe(true);
    });
    await world.save('secret.#', 'SERVICES', 'SERVICES');
    await eventually(() => expect(ending.isOver).toBe(true));
    expect(ending.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', topic: 'secret.1' });
    const [told] = await raw.received('Error', 1);
    expect(told).toMatchObject({ code: 'FORBIDDEN', topics: ['secret.1'] });
    const [heard, received] = [lasting.events.length, allowed.events.length];
    await publish('secret.1');
    await publish('news');
    await eventually(() => expect([lasting.events.length, allowed.events.length]).toEqual([heard + 1, received + 1]));
    const again = await alice.subscribe(LISTEN, { topics: ['secret.1'] });
    await eventually(() => expect(again.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', topic: 'secret.1' }));
    await world.admin(DELETE, { pattern: 'secret.#' });
    await eventually(async () => {
      expect((await world.ask('alice', HISTORY, { topic: 'secret.1' })).errors).toBeUndefined();
    });
    for (const each of [alice, service, raw]) await each.close();
  });
}
