/** The subscriptions as a front end uses them, in every setting. */
import { encodePosition } from '../../src/domain/cursor.ts';
import { newEpoch } from '../../src/engine/shared/lineage.ts';
import type { ConversationId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_SETTINGS } from '../support/nodes.ts';
import { partsOfPosition } from '../support/position.ts';
import { type Data, newId } from '../support/service.ts';
import { AliceAndBob, ok } from './alice-and-bob.ts';

const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id content senderId timestamp sequence position user { id } }
}`;

describe.each(LONG_SETTINGS)('subscriptions: %s', (setting) => {
  const users = new AliceAndBob(setting);

  it('messageReceived: every member receives each message once, in order, including the sender', async () => {
    const id = await users.group('bob');
    const mine = await users.alice.subscribe(RECEIVED, { ids: [id] });
    const theirs = await users.bob.subscribe(RECEIVED, { ids: [id] });
    const sent = [
      await users.send(users.alice, id, 'one'),
      await users.send(users.bob, id, 'two'),
      await users.send(users.alice, id, 'three'),
    ];
    const heard = (await theirs.count(3)).map((event) => event.messageReceived);
    expect(heard.map(({ content }) => content)).toEqual(['one', 'two', 'three']);
    expect(heard[0]).toMatchObject({
      id: sent[0].id,
      senderId: 'alice',
      user: { id: 'alice' },
      sequence: 1,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      position: sent[0].position,
    });
    expect(await mine.count(3)).toEqual(theirs.events);
  });

  it('G06: resumes at a position: everything past it, then live, while messages pour in', async () => {
    const id = await users.group('bob');
    const first = await users.send(users.alice, id, '0');
    let isPouring = true;
    let last = 0;
    const pour = (async () => {
      while (isPouring) {
        last += 1;
        await users.send(users.alice, id, String(last));
      }
    })();
    const resumed = [];
    for (let n = 0; n < 10; n += 1) {
      resumed.push(await users.bob.subscribe(RECEIVED, { ids: [id], after: [first.position] }));
    }
    await eventually(() => expect(last).toBeGreaterThan(60));
    isPouring = false;
    await pour;
    const expected = Array.from({ length: last }, (_, index) => String(index + 1));
    for (const subscription of resumed) {
      const events = await subscription.count(last);
      expect(events.map((event) => event.messageReceived.content)).toEqual(expected);
      subscription.stop();
    }
  });

  it('refuses the whole subscription for one bad position, with the reason', async () => {
    const [one, two] = [await users.group('bob'), await users.group('bob')];
    const { position } = await users.send(users.alice, one, 'x');
    const other = await users.send(users.alice, two, 'y');
    const [, , place] = partsOfPosition(position);
    const forged = (epoch: string, at: number): string => encodePosition(one as ConversationId, { epoch, place: at });
    const refused = await users.bob.subscribe(RECEIVED, {
      ids: [one, two],
      after: [forged('elsewhere', place), other.position],
    });
    await eventually(() => expect(refused.isOver).toBe(true));
    expect(refused.errors).toMatchObject([
      { extensions: { code: 'POSITION_EXPIRED', reason: 'EPOCH', conversationId: one } },
    ]);
    expect(refused.events).toEqual([]);
    const garbage = await users.bob.subscribe(RECEIVED, { ids: [one], after: ['garbage'] });
    expect(garbage.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  });

  it('without conversationIds: all conversations of the caller, and later ones from joining on', async () => {
    const name = `carol-${newId()}`;
    const carol = await users.nodes.there.connect(name);
    const before = await users.group(name);
    const all = await carol.subscribe(RECEIVED);
    await users.send(users.alice, before, 'known');
    expect((await all.next()).messageReceived.content).toBe('known');
    const after = await users.group(name);
    await users.send(users.alice, after, 'first');
    await users.send(users.alice, after, 'second');
    await all.count(3);
    expect(all.events.map((event) => event.messageReceived.content)).toEqual(['known', 'first', 'second']);
    await carol.close();
  });

  it('a thousand positions of the longest ids fit one frame, and the caller’s own are resumed', async () => {
    const ids = ['a', 'b'].map((letter) => `${newId()}:${letter.repeat(120)}`.slice(0, 128));
    const create = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id position } }`;
    const after: string[] = [];
    for (const id of ids)
      after.push(
        (await ok(users.alice.query(create, { input: { id, memberIds: ['bob'] } }))).createConversation.position,
      );
    while (after.length < 1_000) {
      const elsewhere = `${newId()}${'x'.repeat(128)}`.slice(0, 128) as ConversationId;
      after.push(encodePosition(elsewhere, { epoch: newEpoch(), place: 1_000_000 }));
    }
    for (const id of ids) await users.send(users.alice, id, `in ${id}`);
    const heard = async (variables: Data): Promise<string[]> =>
      (await (await users.bob.subscribe(RECEIVED, variables)).count(2))
        .map((event) => event.messageReceived.content)
        .sort();
    const missed = ids.map((id) => `in ${id}`).sort();
    expect(await heard({ after })).toEqual(missed);
    expect(await heard({ ids, after: after.slice(0, 2) })).toEqual(missed);
  });

  it('G08, W82: a removed member receives nothing more, and the stream says so', async () => {
    const id = await users.group('bob');
    const theirs = await users.bob.subscribe(RECEIVED, { ids: [id] });
    const all = await users.bob.subscribe(RECEIVED);
    await users.send(users.alice, id, 'before');
    await theirs.count(1);
    await ok(users.alice.query(`mutation { removeMember(id: "${id}", userId: "bob") { id } }`));
    await users.send(users.alice, id, 'after');
    await eventually(() => expect(theirs.isOver).toBe(true));
    expect(theirs.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    expect(theirs.events).toHaveLength(1);
    const marker = await users.group('bob');
    await users.send(users.alice, marker, 'marker');
    await eventually(() => expect(all.events.at(-1)?.messageReceived.content).toBe('marker'));
    expect(all.events.map((event) => event.messageReceived.content)).not.toContain('after');
    all.stop();
  });

  it('messageUpdated: edits, reactions and deletions, live and resumed', async () => {
    const id = await users.group('bob');
    const UPDATED = `subscription ($ids: [ID!], $after: [ID!]) {
      messageUpdated(conversationIds: $ids, after: $after) {
        id content position editedAt deletedAt reactions { emoji count viewerReacted users { id } }
      }
    }`;
    const { id: messageId, position } = await users.send(users.alice, id, 'draft');
    const live = await users.bob.subscribe(UPDATED, { ids: [id] });
    await ok(users.alice.query(`mutation { editMessage(id: "${messageId}", content: "final") { id } }`));
    expect((await live.next()).messageUpdated).toMatchObject({ content: 'final', editedAt: expect.any(String) });
    await ok(users.bob.query(`mutation { addReaction(messageId: "${messageId}", emoji: "🎉") { id } }`));
    expect((await live.next()).messageUpdated.reactions).toEqual([
      { emoji: '🎉', count: 1, viewerReacted: true, users: [{ id: 'bob' }] },
    ]);
    await ok(users.alice.query(`mutation { deleteMessage(id: "${messageId}") { id } }`));
    expect((await live.next()).messageUpdated).toMatchObject({ content: '', deletedAt: expect.any(String) });
    const resumed = await users.bob.subscribe(UPDATED, { ids: [id], after: [position] });
    expect(await resumed.next()).toEqual(live.events.at(-1));
  });

  it('G06: messageUpdated: a replay has each message once, at its last change, and then goes live', async () => {
    const id = await users.group('bob');
    const UPDATED = `subscription ($ids: [ID!], $after: [ID!]) {
      messageUpdated(conversationIds: $ids, after: $after) { sequence content position }
    }`;
    const edit = async (message: Data, content: string): Promise<Data> =>
      (await ok(users.alice.query(`mutation { editMessage(id: "${message.id}", content: "${content}") { position } }`)))
        .editMessage;
    const [one, two] = [await users.send(users.alice, id, 'one'), await users.send(users.alice, id, 'two')];
    await edit(one, 'known');
    const { position } = await edit(two, 'known too');
    for (let n = 0; n < 20; n += 1) await edit(one, `one ${n}`);
    const last = [await edit(two, 'two at last'), await edit(one, 'one at last')];
    const resumed = await users.bob.subscribe(UPDATED, { ids: [id], after: [position] });
    await resumed.count(2);
    const live = await edit(two, 'live');
    expect((await resumed.count(3)).map(({ messageUpdated }) => messageUpdated)).toEqual([
      { sequence: 2, content: 'two at last', ...last[0] },
      { sequence: 1, content: 'one at last', ...last[1] },
      { sequence: 2, content: 'live', ...live },
    ]);
    // Each of them is a position to resume at: nothing that was left out comes then.
    const again = await users.bob.subscribe(UPDATED, { ids: [id], after: [last[1].position] });
    expect((await again.next()).messageUpdated).toMatchObject(live);
  });

  it('positions of conversations that the viewer left or never was in do not affect the others', async () => {
    const [kept, left, others] = [await users.group('bob'), await users.group('bob'), await users.group()];
    const sent = await Promise.all([kept, left, others].map((id) => users.send(users.alice, id, 'seen')));
    await ok(users.nodes.here.query('alice', `mutation { removeMember(id: "${left}", userId: "bob") { id } }`));
    await users.send(users.alice, kept, 'missed');
    const resumed = await users.bob.subscribe(RECEIVED, { after: sent.map(({ position }) => position) });
    expect((await resumed.next()).messageReceived.content).toBe('missed');
    const named = await users.bob.subscribe(RECEIVED, { ids: [kept, left] });
    await eventually(() =>
      expect(named.errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', conversationId: left }),
    );
  });

  it.each(['messageReceived', 'messageUpdated', 'conversationUpdated', 'typingIndicator', 'messageStreamed'])(
    '%s: losing one of several named conversations is an error that names it, and the others go on',
    async (field) => {
      const [kept, lost] = [await users.group('bob'), await users.group('bob')];
      const id = field === 'conversationUpdated' ? 'id' : 'conversationId';
      const query = `subscription ($ids: [ID!]) { ${field}(conversationIds: $ids) { ${id} } }`;
      const named = await users.bob.subscribe(query, { ids: [kept, lost] });
      await ok(users.alice.query(`mutation { removeMember(id: "${lost}", userId: "bob") { id } }`));
      await eventually(() =>
        expect(named.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', conversationId: lost } }]),
      );
      const { id: messageId } = await users.send(users.alice, kept, 'goes on');
      await ok(users.alice.query(`mutation { setTyping(conversationId: "${kept}", isTyping: true) }`));
      await ok(users.alice.query(`mutation { editMessage(id: "${messageId}", content: "edited") { id } }`));
      await ok(
        users.alice.query(`mutation { startMessage(input: { conversationId: "${kept}", content: "…" }) { id } }`),
      );
      expect((await named.next())[field]).toEqual({ [id]: kept });
      expect([named.isOver, named.errors.length]).toEqual([false, 1]);
      await ok(users.alice.query(`mutation { removeMember(id: "${kept}", userId: "bob") { id } }`));
      await eventually(() => expect(named.isOver).toBe(true));
      expect(named.errors[1]).toMatchObject({ extensions: { code: 'FORBIDDEN', conversationId: kept } });
    },
  );

  it.each([RECEIVED, RECEIVED.replaceAll('messageReceived', 'messageUpdated')])(
    'a named conversation that was left, deleted or foreign: FORBIDDEN names it, the others resume: %#',
    async (query) => {
      const [kept, left, deleted, others] = [
        await users.group('bob'),
        await users.group('bob'),
        await users.group('bob'),
        await users.group(),
      ];
      const ids = [kept, left, deleted, others];
      const sent = await Promise.all(ids.map((each) => users.send(users.alice, each, 'seen')));
      await ok(users.alice.query(`mutation { removeMember(id: "${left}", userId: "bob") { id } }`));
      await ok(users.alice.query(`mutation { deleteConversation(id: "${deleted}") }`));
      const missed = await users.send(users.alice, kept, 'missed');
      await ok(users.alice.query(`mutation { editMessage(id: "${missed.id}", content: "missed") { id } }`));
      const named = await users.bob.subscribe(query, { ids, after: sent.map(({ position }) => position) });
      const { messageReceived, messageUpdated } = await named.next();
      expect((messageReceived ?? messageUpdated).content).toBe('missed');
      expect(named.errors.map(({ extensions }) => [extensions.code, extensions['conversationId']])).toEqual(
        [left, deleted, others].map((each) => ['FORBIDDEN', each]),
      );
      expect(named.isOver).toBe(false);
      named.stop();
    },
  );

  it('refuses 101 conversations, 201 users, and what the caller may not see', async () => {
    const many = Array.from({ length: 101 }, (_, index) => `c${index}`);
    const code = async (query: string, variables: Record<string, unknown>): Promise<string> => {
      const subscription = await users.bob.subscribe(query, variables);
      await eventually(() => expect(subscription.isOver).toBe(true));
      return subscription.errors[0]?.extensions.code ?? 'none';
    };
    expect(await code(RECEIVED, { ids: many })).toBe('BAD_USER_INPUT');
    expect(await code(RECEIVED, { ids: [] })).toBe('BAD_USER_INPUT');
    expect(await code(RECEIVED, { ids: ['no such'] })).toBe('BAD_USER_INPUT');
    expect(await code(RECEIVED, { ids: ['unknown'] })).toBe('NOT_FOUND');
    expect(await code(RECEIVED, { ids: [await users.group()] })).toBe('NOT_FOUND');
    const watched = Array.from({ length: 201 }, (_, index) => `u${index}`);
    const presence = `subscription ($ids: [ID!]!) { presenceUpdated(userIds: $ids) { status } }`;
    expect(await code(presence, { ids: watched })).toBe('BAD_USER_INPUT');
    expect(await code(presence, { ids: [] })).toBe('BAD_USER_INPUT');
  });
});
