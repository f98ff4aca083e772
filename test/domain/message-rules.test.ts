/** Messages: who sends, edits, deletes and reacts, over an engine in memory. */
import { encodeCursor } from '../../src/domain/cursor.ts';
import { messageKey, publicationKey } from '../../src/domain/message-key.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, MessageId, Meter } from '../../src/model.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import { openTestDomain, type TestDomain } from '../support/domain.ts';
import fc from '../support/fast-check.ts';
import { alice, bob, carol, tenant, viewerOf } from '../support/world.ts';
import { admin, code, service } from './viewers.ts';

const [owner, member, stranger] = [viewerOf(alice), viewerOf(bob), viewerOf(carol)];

describe('the key of a repeated send', () => {
  it('is the same for the same contents, in any order of keys, and for no others', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const isSame = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(publicationKey('k', one)?.digest === publicationKey('k', other)?.digest).toBe(isSame);
        expect(publicationKey('k', reversed(one))).toEqual(publicationKey('k', one));
      }),
    );
    expect(publicationKey('k', { a: 1 })?.digest).not.toBe(publicationKey('k', { a: 2 })?.digest);
    expect(publicationKey('k', ['a', 'b'])?.digest).not.toBe(publicationKey('k', ['b', 'a'])?.digest);
    expect([publicationKey(null, 1), messageKey(null, { content: 'a', payload: 1 }, null, undefined)]).toEqual([
      null,
      null,
    ]);
  });

  it('has the text, the payload and the reply; ids of a service are apart from those of its users', () => {
    const said = { content: 'a', payload: { b: 1 } };
    const key = messageKey('k', said, null, undefined);
    expect(key?.id).toBe('k');
    const others = [
      messageKey('k', { ...said, content: 'b' }, null, undefined),
      messageKey('k', { ...said, payload: { b: 2 } }, null, undefined),
      messageKey('k', said, 'm' as MessageId, undefined),
    ];
    expect(new Set([key, ...others].map((each) => each?.digest)).size).toBe(4);
    expect(messageKey('k', said, null, service.userId)).toEqual({ id: 'crm k', digest: key?.digest });
  });
});

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, each]) => [key, sorted(each)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, each]) => [key, reversed(each)])
      .reverse(),
  );
}

describe('messages', () => {
  let domain: TestDomain;
  const id = 'c' as ConversationId;
  beforeEach(async () => {
    domain = openTestDomain();
    await domain.conversations.create(owner, { id, memberIds: [bob] });
  });
  afterEach(() => domain.close());
  const send = (content: string, more: object = {}, viewer = member) =>
    domain.messages.send(viewer, { conversationId: id, content, ...more });

  it('members send; repeats have their earlier answer, and a key has one message', async () => {
    const first = await send('a', { clientMessageId: 'k', payload: { a: 1, b: [2] } });
    expect(first).toMatchObject({
      content: 'a',
      payload: { a: 1, b: [2] },
      senderId: bob,
      clientMessageId: 'k',
      sequence: 1,
    });
    expect((await send('a', { clientMessageId: 'k', payload: { b: [2], a: 1 } })).id).toBe(first.id);
    await expect(send('b', { clientMessageId: 'k' })).rejects.toEqual(code('CONFLICT'));
    expect((await send('a', { clientMessageId: 'k', payload: { a: 1, b: [2] } }, owner)).sequence).toBe(2);
    expect((await send('re', { replyToId: first.id })).replyToId).toBe(first.id);
    await expect(send('re', { replyToId: 'none' })).rejects.toEqual(code('BAD_USER_INPUT'));
    await expect(send('x', {}, stranger)).rejects.toEqual(code('NOT_FOUND'));
    await expect(send('x', {}, admin)).rejects.toEqual(code('FORBIDDEN'));
  });

  it('many are sent in their order, each with its own answer', async () => {
    const inputs = ['a', '', 'b'].map((content) => ({ conversationId: id, content, clientMessageId: content || 'x' }));
    const results = await domain.messages.sendMany(member, [...inputs, inputs[0] as never], UNMETERED);
    expect(results.map(({ made, error }) => made?.outcome ?? error?.code)).toEqual([
      'STORED',
      'BAD_USER_INPUT',
      'STORED',
      'DUPLICATE',
    ]);
    expect(results.map(({ made }) => made?.message.sequence)).toEqual([1, undefined, 2, 1]);
    for (const count of [0, LIMITS.itemsPerBatch + 1])
      await expect(async () =>
        domain.messages.sendMany(member, Array(count).fill(inputs[0]), UNMETERED),
      ).rejects.toEqual(code('BAD_USER_INPUT'));
  });

  it('each of many is counted, and a fault of one is logged and stays its own', async () => {
    let left = 2;
    const meter: Meter = {
      ...UNMETERED,
      count() {
        left -= 1;
        if (left < 0) throw Object.assign(new Error('out of order'), {});
      },
    };
    const inputs = Array.from({ length: 3 }, (_, n) => ({ conversationId: id, content: `${n}` }));
    const results = await domain.messages.sendMany(member, inputs, meter);
    expect(results.map(({ error }) => error?.code ?? null)).toEqual([null, null, 'INTERNAL_SERVER_ERROR']);
    expect(domain.log.text()).toContain('out of order');
  });

  it('only the sender edits, and no deleted message', async () => {
    const message = await send('a');
    expect(await domain.messages.edit(member, message.id, 'b', { c: 1 })).toMatchObject({
      content: 'b',
      payload: { c: 1 },
    });
    await expect(domain.messages.edit(owner, message.id, 'c', null)).rejects.toEqual(code('FORBIDDEN'));
    await expect(domain.messages.edit(stranger, message.id, 'c', null)).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.messages.edit(member, 'none', 'c', null)).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.messages.edit(member, message.id, '', null)).rejects.toEqual(code('BAD_USER_INPUT'));
    await domain.messages.delete(member, message.id);
    await expect(domain.messages.edit(member, message.id, 'c', null)).rejects.toEqual(code('CONFLICT'));
  });

  it('a message that is gone when the change is stored is not found', async () => {
    const message = await send('a');
    const { editMessage } = domain.engine;
    Object.assign(domain.engine, {
      editMessage: async (...given: Parameters<typeof editMessage>) => {
        await domain.conversations.delete(owner, message.conversationId);
        return editMessage(...given);
      },
    });
    await expect(domain.messages.edit(member, message.id, 'b', null)).rejects.toEqual(code('NOT_FOUND'));
  });

  it('the sender deletes their own, moderators and admins any', async () => {
    const [own, others, third] = [await send('a'), await send('b', {}, owner), await send('c')];
    expect(await domain.messages.delete(member, own.id)).toMatchObject({ content: '', deletedBy: bob });
    await expect(domain.messages.delete(member, others.id)).rejects.toEqual(code('FORBIDDEN'));
    await expect(domain.messages.delete(stranger, others.id)).rejects.toEqual(code('NOT_FOUND'));
    expect(await domain.messages.delete(owner, third.id)).toMatchObject({ deletedBy: alice });
    expect(await domain.messages.delete(admin, others.id)).toMatchObject({ deletedBy: 'root' });
  });

  it('members react, up to the caps', async () => {
    const { id: message } = await send('a');
    expect((await domain.messages.addReaction(owner, message, '👍')).reactions).toMatchObject([{ emoji: '👍' }]);
    expect((await domain.messages.removeReaction(owner, message, '👍')).reactions).toEqual([]);
    for (let n = 0; n < LIMITS.emojisPerUserAndMessage; n += 1)
      await domain.messages.addReaction(owner, message, `:e${n}:`);
    await expect(domain.messages.addReaction(owner, message, ':more:')).rejects.toEqual(code('CONFLICT'));
    expect((await domain.messages.addReaction(member, message, ':e0:')).reactions).toHaveLength(
      LIMITS.emojisPerUserAndMessage,
    );
    for (const viewer of [stranger, admin]) {
      const answer = code(viewer === admin ? 'FORBIDDEN' : 'NOT_FOUND');
      await expect(domain.messages.addReaction(viewer, message, '👍')).rejects.toEqual(answer);
      await expect(domain.messages.removeReaction(viewer, message, '👍')).rejects.toEqual(answer);
    }
    await expect(domain.messages.addReaction(owner, message, 'x')).rejects.toEqual(code('BAD_USER_INPUT'));
    await domain.messages.delete(member, message);
    await expect(domain.messages.addReaction(owner, message, '👍')).rejects.toEqual(code('CONFLICT'));
  });

  it('a service sends for a user, and changes what it sent', async () => {
    const sent = await send('a', { onBehalfOf: bob }, service);
    expect(sent).toMatchObject({ senderId: bob, via: 'crm', isSentFor: true });
    expect(await domain.messages.edit(service, sent.id, 'b', null)).toMatchObject({ content: 'b', isSentFor: true });
    await expect(domain.messages.edit(owner, sent.id, 'c', null)).rejects.toEqual(code('FORBIDDEN'));
    await expect(send('a', { onBehalfOf: bob }, owner)).rejects.toEqual(code('FORBIDDEN'));
    await expect(send('a', { onBehalfOf: carol }, service)).rejects.toEqual(code('NOT_FOUND'));
    const own = await send('own');
    await expect(domain.messages.edit(service, own.id, 'c', null)).rejects.toEqual(code('NOT_FOUND'));
    expect(await domain.messages.delete(service, sent.id)).toMatchObject({ deletedBy: 'crm' });
    await expect(domain.messages.delete(service, own.id)).rejects.toEqual(code('NOT_FOUND'));
  });

  it('a service that is a member keeps its own rights when the user has left', async () => {
    await domain.conversations.addMembers(owner, id, [service.userId]);
    const sent = await send('a', { onBehalfOf: bob }, service);
    await domain.conversations.leave(member, id);
    // Another one's message: deleting it takes the role of a moderator.
    await expect(domain.messages.delete(service, sent.id)).rejects.toEqual(code('FORBIDDEN'));
    await domain.conversations.setMemberRole(owner, id, service.userId, 'MODERATOR');
    expect(await domain.messages.delete(service, sent.id)).toMatchObject({ content: '', deletedBy: 'crm' });
  });

  it('are found by id, as far as the viewer sees them', async () => {
    const { id: message } = await send('a');
    expect((await domain.messages.findMany(member, [message, 'none'])).map((each) => each?.id)).toEqual([
      message,
      undefined,
    ]);
    expect(await domain.messages.findMany(stranger, [message])).toEqual([null]);
    expect((await domain.messages.readMany(tenant, [message]))[0]?.content).toBe('a');
    await expect(domain.messages.findMany(member, ['a b'])).rejects.toEqual(code('BAD_USER_INPUT'));
  });

  it('pages of any range have the messages and ends of a plain list', async () => {
    const COUNT = 12;
    for (let n = 1; n <= COUNT; n += 1) await send(`${n}`);
    const [conversation] = await domain.conversations.findMany(member, [id]);
    if (!conversation) throw new Error('It was created.');
    const all = Array.from({ length: COUNT }, (_, n) => n + 1);
    const cursor = fc.option(fc.integer({ min: 0, max: COUNT + 2 }), { nil: null });
    const size = fc.integer({ min: 0, max: COUNT + 2 });
    await fc.assert(
      fc.asyncProperty(cursor, cursor, size, fc.constantFrom('first', 'last'), async (after, before, count, from) => {
        const at = (sequence: number | null) => sequence && encodeCursor('message', sequence);
        const request = {
          after: at(after) || null,
          before: before === null ? null : encodeCursor('message', before),
          [from]: count,
        };
        const page = await domain.messages.page(tenant, conversation, request);
        const between = all.filter((n) => n > (after ?? 0) && (before === null || n < before));
        const expected = from === 'first' ? between.slice(0, count) : count === 0 ? [] : between.slice(-count);
        expect(page.messages.map(({ sequence }) => sequence)).toEqual(expected);
        const [rest, isMore] = [
          between.length - expected.length,
          from === 'first' ? page.hasNextPage : page.hasPreviousPage,
        ];
        expect(isMore).toBe(rest > 0);
        if (expected.length === 0) return;
        const behind = from === 'first' ? page.hasPreviousPage : page.hasNextPage;
        expect(behind).toBe(from === 'first' ? (expected[0] ?? 0) > 1 : (expected.at(-1) ?? 0) < COUNT);
      }),
      { numRuns: 60 },
    );
    await expect(domain.messages.page(tenant, conversation, { first: 1, last: 1 })).rejects.toEqual(
      code('BAD_USER_INPUT'),
    );
    await expect(domain.messages.page(tenant, conversation, { after: 'x' })).rejects.toEqual(code('BAD_USER_INPUT'));
    expect((await domain.messages.page(tenant, conversation, {})).messages).toHaveLength(COUNT);
    expect((await domain.messages.last(tenant, conversation))?.sequence).toBe(COUNT);
  });

  describe('in a direct conversation', () => {
    it('the first one creates it, for both', async () => {
      const first = await domain.messages.sendDirect(owner, bob, { content: 'hi', clientMessageId: 'k' });
      expect((await domain.messages.sendDirect(member, alice, { content: 'hello' })).conversationId).toBe(
        first.conversationId,
      );
      expect((await domain.messages.sendDirect(owner, bob, { content: 'hi', clientMessageId: 'k' })).id).toBe(first.id);
      await expect(async () => domain.messages.sendDirect(owner, alice, { content: 'hi' })).rejects.toEqual(
        code('BAD_USER_INPUT'),
      );
    });

    it('nobody writes to a user who blocks them, in any way', async () => {
      const { id: message, conversationId } = await domain.messages.sendDirect(owner, bob, { content: 'hi' });
      expect(await domain.blocks.set(member, alice, true)).toBe(true);
      expect(await domain.blocks.set(member, alice, true)).toBe(false);
      const forbidden = code('FORBIDDEN');
      await expect(domain.messages.sendDirect(owner, bob, { content: 'hi' })).rejects.toEqual(forbidden);
      await expect(domain.messages.send(owner, { conversationId, content: 'hi' })).rejects.toEqual(forbidden);
      await expect(domain.messages.edit(owner, message, 'hi!', null)).rejects.toEqual(forbidden);
      await expect(domain.messages.addReaction(owner, message, '👍')).rejects.toEqual(forbidden);
      await expect(domain.conversations.openDirect(viewerOf(alice), bob)).resolves.toBeDefined();
      await expect(domain.conversations.create(owner, { memberIds: [bob, carol] })).rejects.toEqual(forbidden);
      // The one who blocks may write.
      await expect(domain.messages.send(member, { conversationId, content: 'no' })).resolves.toBeDefined();
      expect(await domain.blocks.set(member, alice, false)).toBe(true);
      await expect(domain.messages.sendDirect(owner, bob, { content: 'hi' })).resolves.toBeDefined();
    });

    it('those whom a user blocks are listed in order, and a full list is a conflict', async () => {
      for (const each of ['b', 'a', 'c']) await domain.blocks.set(owner, each, true);
      expect(await domain.blocks.list(owner)).toEqual(['a', 'b', 'c']);
      expect(await domain.blocks.list(member)).toEqual([]);
      await expect(domain.blocks.set(owner, alice, true)).rejects.toEqual(code('BAD_USER_INPUT'));
      await expect(domain.blocks.set(owner, 'a b', true)).rejects.toEqual(code('BAD_USER_INPUT'));
      Object.assign(domain.engine, { setBlocked: async () => 'full' });
      await expect(domain.blocks.set(owner, 'one-more', true)).rejects.toEqual(code('CONFLICT'));
    });
  });
});
