/** Publications, messages and streamed texts on their way through the routing rules of a tenant. */
import { directId } from '../../src/domain/direct-id.ts';
import type { RoutingRuleInput } from '../../src/domain/rule-input.ts';
import { LIMITS } from '../../src/limits.ts';
import type { TenantId, Viewer } from '../../src/model.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import type { TestDomain } from '../support/domain.ts';
import { alice, bob, carol, tenant, viewerOf } from '../support/world.ts';
import { id, openRuledConversation, reader, saveRule, sender } from './ruled-conversation.ts';
import { admin, code } from './viewers.ts';

let domain: TestDomain;
beforeEach(async () => {
  domain = await openRuledConversation();
});
afterEach(() => domain.close());

const rule = (action: unknown, more: Partial<RoutingRuleInput> = {}) => saveRule(domain, action, more);
const publish = (topic: string, payload: unknown, idempotencyKey?: string) =>
  domain.topics.publish(sender, { topic, payload, idempotencyKey });
const send = (content: string, more: object = {}) =>
  domain.messages.send(sender, { conversationId: id, content, ...more });
const inTopic = async (topic: string) => (await domain.topics.history(sender, topic, {})).map(({ payload }) => payload);
const inDirect = async (...users: [Viewer, Viewer]) => {
  const found = await domain.engine.listMessages(tenant, directId(users[0].userId, users[1].userId), {
    after: 0,
    before: null,
    limit: 100,
    from: 'first',
  });
  return found.messages.map(({ content }) => content);
};
const kept = async () =>
  (await domain.engine.listMessages(tenant, id, { after: 0, before: null, limit: 100, from: 'first' })).messages;

describe('rules of a tenant', () => {
  it('are saved, listed as they run, and deleted by admins', async () => {
    for (const [name, priority] of [
      ['b', 1],
      ['a', 1],
      ['c', 5],
      ['d', 0],
    ] as const)
      await rule({ drop: true }, { id: name, priority, enabled: false });
    const ids = async () => (await domain.routingRules.list(admin)).map((each) => each.id);
    expect(await ids()).toEqual(['c', 'a', 'b', 'd']);
    // An engine lists them in no order.
    const { readRoutingRules } = domain.engine;
    Object.assign(domain.engine, {
      readRoutingRules: async (of: TenantId) => (await readRoutingRules(of)).toReversed(),
    });
    expect(await ids()).toEqual(['c', 'a', 'b', 'd']);
    expect((await domain.routingRules.delete(admin, 'a')).id).toBe('a');
    await expect(domain.routingRules.delete(admin, 'a')).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.routingRules.delete(admin, 'a b')).rejects.toEqual(code('BAD_USER_INPUT'));
    const forbidden = code('FORBIDDEN');
    await expect(domain.routingRules.list(sender)).rejects.toEqual(forbidden);
    await expect(domain.routingRules.delete(sender, 'b')).rejects.toEqual(forbidden);
    const input = { name: 'A rule', match: { on: ['TOPIC'] }, action: { drop: true } };
    await expect(domain.routingRules.save(sender, input)).rejects.toEqual(forbidden);
    await expect(domain.routingRules.test(sender, input, {})).rejects.toEqual(forbidden);
  });

  it('a tenant has so many', async () => {
    for (let n = 0; n < LIMITS.rulesPerTenant; n += 1) await rule({ drop: true }, { id: `r${n}`, enabled: false });
    await expect(rule({ drop: true }, { id: 'more', enabled: false })).rejects.toEqual(code('CONFLICT'));
    await expect(rule({ drop: true }, { id: 'r0', enabled: false })).resolves.toMatchObject({ id: 'r0' });
  });

  it('are no way around the topic claims of who saves or deletes them', async () => {
    const narrow = { ...admin, topics: { publish: ['a.#', 'b'], subscribe: ['a.#'] } };
    const save = (match: object, action: object, given: string) =>
      domain.routingRules.save(narrow, { id: given, name: 'A rule', enabled: false, match, action });
    const forbidden = code('FORBIDDEN');
    await expect(save({ on: ['TOPIC'], topic: 'a.*' }, { forward: { topics: ['b'] } }, 'r')).resolves.toBeDefined();
    await expect(save({ on: ['GROUP'] }, { drop: true }, 'r')).resolves.toBeDefined();
    await expect(save({ on: ['TOPIC'] }, { drop: true }, 'r')).rejects.toEqual(forbidden);
    await expect(save({ on: ['TOPIC'], topic: 'b' }, { drop: true }, 'r')).rejects.toEqual(forbidden);
    for (const name of ['forward', 'copy'])
      await expect(save({ on: ['TOPIC'], topic: 'a' }, { [name]: { topics: ['c'] } }, 'r')).rejects.toEqual(forbidden);
    await rule({ drop: true }, { id: 'wide', enabled: false });
    await expect(save({ on: ['GROUP'] }, { drop: true }, 'wide')).rejects.toEqual(forbidden);
    await expect(domain.routingRules.delete(narrow, 'wide')).rejects.toEqual(forbidden);
    await expect(domain.routingRules.delete(narrow, 'r')).resolves.toMatchObject({ id: 'r' });
  });

  it('a dry run has the verdict, and no effect', async () => {
    const test = (action: unknown, sample: unknown, where: string | null = null) =>
      domain.routingRules.test(
        admin,
        { name: 'A rule', enabled: false, match: { on: ['TOPIC'], where }, action },
        sample,
      );
    expect(await test({ drop: true }, { topic: 'a' })).toMatchObject({ outcome: 'DROP' });
    expect(await test({ drop: true }, { kind: 'ROOM' })).toMatchObject({ outcome: 'PASS' });
    expect(await test({ drop: true }, { topic: 'a', payload: 1 }, 'payload = 2')).toMatchObject({ outcome: 'PASS' });
    expect(await test({ transform: 'payload + 1' }, { payload: 1 })).toMatchObject({
      outcome: 'TRANSFORM',
      payload: 2,
    });
    expect(await test({ transform: 'payload + 1' }, { payload: 'x' })).toMatchObject({
      outcome: 'FAULT',
      fault: expect.any(String),
      payload: 'x',
    });
    expect(domain.ruled).toEqual([]);
  });
});

describe('publications and rules', () => {
  it('only enabled rules that match apply, in their order, and their outcomes are counted', async () => {
    await rule({ drop: true }, { enabled: false });
    await rule({ transform: 'payload & "1"' }, { priority: 2, match: { on: ['TOPIC'], topic: 'a' } });
    await rule(
      { transform: 'payload & "2"' },
      { priority: 1, match: { on: ['TOPIC'], topic: 'a', where: 'payload != "quiet1"' } },
    );
    await rule({ drop: true }, { match: { on: ['TOPIC'], topic: 'b' } });
    expect(await publish('a', 'x')).toMatchObject({ outcome: 'STORED', publication: { payload: 'x12' } });
    expect((await publish('a', 'quiet')).publication.payload).toBe('quiet1');
    expect((await publish('other', 'x')).publication.payload).toBe('x');
    await expect(publish('b', 'x')).rejects.toEqual(code('FORBIDDEN', 'DROPPED'));
    expect([await inTopic('a'), await inTopic('b')]).toEqual([['x12', 'quiet1'], []]);
    expect(domain.ruled).toEqual(['TRANSFORM', 'TRANSFORM', 'TRANSFORM', 'DROP']);
  });

  it('a rule that fails is skipped, or refuses', async () => {
    const { id: failing } = await rule({ transform: 'payload + 1' });
    expect((await publish('a', 'x')).outcome).toBe('STORED');
    expect(domain.ruled).toEqual(['FAULT']);
    expect(domain.log.text()).toContain('routing rule failed');
    await rule({ transform: 'payload + 1' }, { id: failing, onFault: 'REFUSE' });
    await expect(publish('a', 'x')).rejects.toEqual(code('FORBIDDEN', 'RULE_FAILED'));
    expect((await publish('a', 1)).publication.payload).toBe(2);
    expect(await inTopic('a')).toEqual(['x', 2]);
  });

  it('a forwarded one goes to other topics instead, a copied one also', async () => {
    await rule({ forward: { topics: ['b', 'c'] } }, { match: { on: ['TOPIC'], topic: 'a' } });
    await rule({ copy: { topics: ['e'] } }, { match: { on: ['TOPIC'], topic: 'd' } });
    expect(await publish('a', 'x')).toMatchObject({ outcome: 'ROUTED', publication: { topic: 'b', payload: 'x' } });
    expect(await publish('d', 'y')).toMatchObject({ outcome: 'STORED', publication: { topic: 'd' } });
    expect(await Promise.all(['a', 'b', 'c', 'd', 'e'].map(inTopic))).toEqual([[], ['x'], ['x'], ['y'], ['y']]);
  });

  it('repeats have the earlier outcome, and each key its own deliveries', async () => {
    await rule({ forward: { topics: ['b', 'c'] } }, { match: { on: ['TOPIC'], topic: 'a' } });
    await rule({ copy: { topics: ['e'] } }, { match: { on: ['TOPIC'], topic: 'd' } });
    await rule({ drop: true }, { match: { on: ['TOPIC'], topic: 'f' } });
    const first = await publish('a', 'x', 'k');
    expect(await publish('a', 'x', 'k')).toEqual(first);
    await publish('a', 'x', 'l');
    expect((await publish('d', 'y', 'k')).outcome).toBe('STORED');
    expect((await publish('d', 'y', 'k')).outcome).toBe('DUPLICATE');
    for (let n = 0; n < 2; n += 1) await expect(publish('f', 'z', 'k')).rejects.toEqual(code('FORBIDDEN', 'DROPPED'));
    await expect(publish('a', 'other', 'k')).rejects.toEqual(code('CONFLICT'));
    await expect(publish('d', 'other', 'k')).rejects.toEqual(code('CONFLICT'));
    expect(await Promise.all(['b', 'c', 'e'].map(inTopic))).toEqual([['x', 'x'], ['x', 'x'], ['y']]);
  });

  it('is copied once if it is published twice at the same time, and not if its key is of another one', async () => {
    await publish('a', 'x', 'k');
    await rule({ copy: { topics: ['b'] } }, { match: { on: ['TOPIC'], topic: 'a' } });
    // As if the first one was stored after the look-up for it.
    Object.assign(domain.engine, { findPublished: async () => null });
    expect((await publish('a', 'x', 'k')).outcome).toBe('DUPLICATE');
    await expect(publish('a', 'other', 'k')).rejects.toEqual(code('CONFLICT'));
    expect(await inTopic('b')).toEqual([]);
  });

  it('one that goes to users only is in no topic', async () => {
    await rule({ forward: { users: [bob, alice] } }, { match: { on: ['TOPIC'], topic: 'a' } });
    const { outcome, publication } = await publish('a', 'for bob');
    expect([outcome, publication.topic, publication.position]).toEqual(['ROUTED', 'a', { epoch: '', place: 0 }]);
    expect([await inTopic('a'), (await inDirect(sender, reader)).length]).toEqual([[], 1]);
  });

  it('is forwarded so many times, and reaches each topic once', async () => {
    const names = Array.from({ length: LIMITS.routingHops + 3 }, (_, n) => `t${n}`);
    for (const [n, name] of names.entries())
      await rule({ forward: { topics: [`t${n + 1}`] } }, { match: { on: ['TOPIC'], topic: name } });
    expect((await publish('t0', 'x')).publication.topic).toBe(`t${LIMITS.routingHops}`);
    const stored = await Promise.all(names.map(inTopic));
    expect(stored.map((each) => each.length)).toEqual(names.map((_, n) => Number(n === LIMITS.routingHops)));
    await rule({ copy: { topics: ['ping'] } }, { match: { on: ['TOPIC'], topic: 'pong' } });
    await rule({ copy: { topics: ['pong'] } }, { match: { on: ['TOPIC'], topic: 'ping' } });
    await publish('ping', 'y');
    expect([await inTopic('ping'), await inTopic('pong')]).toEqual([['y'], ['y']]);
  });

  it('a target that refuses stops no other', async () => {
    await domain.topicPolicies.save(admin, {
      pattern: 'b',
      publish: 'EVERYONE',
      subscribe: 'EVERYONE',
      schema: { type: 'number' },
    });
    await rule({ copy: { topics: ['b', 'c'] } }, { match: { on: ['TOPIC'], topic: 'a' } });
    expect((await publish('a', 'x')).outcome).toBe('STORED');
    expect([await inTopic('b'), await inTopic('c')]).toEqual([[], ['x']]);
    expect(domain.log.text()).toContain('routed message not delivered');
  });
});

describe('messages and rules', () => {
  it('one without a rule of its kind passes', async () => {
    await rule({ drop: true }, { match: { on: ['DIRECT', 'TOPIC'] } });
    expect((await send('hi')).content).toBe('hi');
    await expect(domain.messages.sendDirect(sender, bob, { content: 'hi' })).rejects.toEqual(
      code('FORBIDDEN', 'DROPPED'),
    );
    // Nothing is visible of a conversation that never had a message.
    expect((await domain.lists.inboxOf(reader, bob, {})).entries.map(({ conversation }) => conversation.id)).toEqual([
      id,
    ]);
  });

  it('are transformed, dropped, forwarded and copied; repeats have the earlier outcome', async () => {
    await rule(
      { transform: { content: '$uppercase(content)' } },
      { match: { on: ['GROUP'], where: 'content = "loud"' } },
    );
    await rule({ drop: true }, { match: { on: ['GROUP'], where: 'content = "drop"' } });
    await rule({ forward: { users: [bob] } }, { match: { on: ['GROUP'], where: 'content = "forward"' } });
    await rule({ copy: { users: [bob] } }, { match: { on: ['GROUP'], where: 'content = "copy"' } });
    for (let n = 0; n < 2; n += 1) {
      expect(await send('loud', { clientMessageId: 'a' })).toMatchObject({ content: 'LOUD', conversationId: id });
      await expect(send('drop', { clientMessageId: 'b' })).rejects.toEqual(code('FORBIDDEN', 'DROPPED'));
      expect(await send('forward', { clientMessageId: 'c' })).toMatchObject({
        content: 'forward',
        conversationId: directId(alice, bob),
      });
      expect(await send('copy', { clientMessageId: 'd' })).toMatchObject({ content: 'copy', conversationId: id });
    }
    expect((await kept()).map(({ content }) => content)).toEqual(['LOUD', 'copy']);
    expect(await inDirect(sender, reader)).toEqual(['forward', 'copy']);
    await expect(send('other', { clientMessageId: 'c' })).rejects.toEqual(code('CONFLICT'));
    const [many] = await domain.messages.sendMany(sender, [{ conversationId: id, content: 'forward' }], UNMETERED);
    expect(many?.made?.outcome).toBe('ROUTED');
  });

  it('a reply to no message is refused before any rule', async () => {
    await rule({ copy: { users: [bob] } }, { match: { on: ['GROUP'] } });
    const { id: first } = await send('a');
    expect((await send('b', { replyToId: first })).replyToId).toBe(first);
    await expect(send('c', { replyToId: 'none' })).rejects.toEqual(code('BAD_USER_INPUT'));
    expect(await inDirect(sender, reader)).toEqual(['a', 'b']);
    await expect(domain.messages.send(viewerOf(carol), { conversationId: id, content: 'x' })).rejects.toEqual(
      code('NOT_FOUND'),
    );
  });

  it('no rule runs for a message that was deleted', async () => {
    const message = await send('a');
    await domain.messages.delete(sender, message.id);
    await rule({ drop: true });
    await expect(domain.messages.edit(sender, message.id, 'b', null)).rejects.toEqual(code('CONFLICT'));
    expect(domain.ruled).toEqual([]);
  });

  it('edits pass the rules, and a copy does not come back to their conversation', async () => {
    const message = await send('a');
    const direct = await domain.messages.sendDirect(sender, bob, { content: 'direct' });
    await rule(
      { transform: { content: '$uppercase(content)' } },
      { match: { on: ['GROUP'], where: 'content = "loud"' } },
    );
    await rule({ drop: true }, { match: { on: ['GROUP'], where: 'content = "drop"' } });
    await rule({ copy: { users: [bob] } }, { match: { on: ['DIRECT'] } });
    expect((await domain.messages.edit(sender, message.id, 'loud', null)).content).toBe('LOUD');
    await expect(domain.messages.edit(sender, message.id, 'drop', null)).rejects.toEqual(code('FORBIDDEN', 'DROPPED'));
    expect((await domain.messages.edit(sender, direct.id, 'edited', null)).content).toBe('edited');
    expect([(await kept()).map(({ content }) => content), await inDirect(sender, reader)]).toEqual([
      ['LOUD'],
      ['edited'],
    ]);
  });
});
