/** Conversations and their members: who begins, reads, changes and ends them, over an engine in memory. */
import { encodeConversationCursor, encodeCursor, encodeInboxCursor } from '../../src/domain/cursor.ts';
import { resultOf } from '../../src/domain/membership-change.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, Meter, Viewer } from '../../src/model.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import { openTestDomain, type TestDomain } from '../support/domain.ts';
import { alice, bob, carol, tenant, userId, viewerOf } from '../support/world.ts';
import { admin, code, service } from './viewers.ts';

const [owner, member, stranger] = [viewerOf(alice), viewerOf(bob), viewerOf(carol)];
/** As over the rate: what waits is answered as if it had been applied. */
const late: Meter = { ...UNMETERED, signal: async ({ asIfApplied }) => asIfApplied() };

let domain: TestDomain;
beforeEach(() => {
  domain = openTestDomain();
});
afterEach(() => domain.close());
const id = 'c' as ConversationId;
const create = (more: object = {}, viewer = owner) =>
  domain.conversations.create(viewer, { id, memberIds: [bob], ...more });
const say = (content: string, viewer = member) => domain.messages.send(viewer, { conversationId: id, content });

describe('how conversations begin', () => {
  it('groups and rooms have their creator as owner, and a repeated call has the same answer', async () => {
    const group = await create({ name: ' The group ', memberIds: [bob, alice, bob] });
    expect(group).toMatchObject({ id, name: ' The group ', kind: 'GROUP', createdBy: alice, memberCount: 2 });
    expect((await create({ name: 'other' })).name).toBe(' The group ');
    expect((await domain.conversations.create(owner, { kind: 'ROOM' })).id).toMatch(/^[0-9a-f-]{36}$/);
    for (const viewer of [member, stranger, admin]) await expect(create({}, viewer)).rejects.toEqual(code('CONFLICT'));
    await domain.conversations.setMemberRole(owner, id, bob, 'OWNER');
    await domain.conversations.leave(owner, id);
    await expect(create()).rejects.toEqual(code('CONFLICT'));
  });

  it.each([
    { id: 'a b' },
    { id: 'direct:x' },
    { name: ' ' },
    { memberIds: ['a b'] },
    { memberIds: Array.from({ length: LIMITS.usersPerCall + 1 }, (_, n) => `u${n}`) },
    { kind: 'DIRECT' },
    { id: null, kind: 'DIRECT', name: 'a name' },
    { id: null, kind: 'DIRECT', memberIds: [] },
    { id: null, kind: 'DIRECT', memberIds: [alice] },
    { id: null, kind: 'DIRECT', memberIds: [bob, carol] },
  ])('%j is refused', async (input) => {
    await expect(create(input)).rejects.toEqual(code('BAD_USER_INPUT'));
  });

  it('two users have one direct conversation, whoever opens it', async () => {
    const opened = await domain.conversations.openDirect(owner, bob);
    expect(opened).toMatchObject({ kind: 'DIRECT', name: null, memberCount: 2 });
    expect((await domain.conversations.openDirect(member, alice)).id).toBe(opened.id);
    expect((await domain.conversations.create(member, { kind: 'DIRECT', memberIds: [alice, bob] })).id).toBe(opened.id);
    for (const other of [alice, 'a b'])
      await expect(domain.conversations.openDirect(owner, other)).rejects.toEqual(code('BAD_USER_INPUT'));
    expect((await domain.conversations.pair(tenant, opened)).sort()).toEqual([alice, bob]);
  });

  it('a user has room for so many', async () => {
    await domain.close();
    domain = openTestDomain({ conversationsPerUser: 2 });
    await create();
    await domain.conversations.create(owner, {});
    await expect(domain.conversations.create(owner, {})).rejects.toEqual(code('CONFLICT'));
    await expect(domain.conversations.openDirect(owner, carol)).rejects.toEqual(code('CONFLICT'));
  });

  it.each([
    ['quota-full', 'CONFLICT'],
    ['not-found', 'NOT_FOUND'],
    ['full', 'CONFLICT'],
    ['not-allowed', 'FORBIDDEN'],
    ['last-owner', 'CONFLICT'],
  ] as const)('an answer of the engine: %s is %s', (outcome, expected) => {
    expect(() => resultOf({ outcome })).toThrow(code(expected));
  });
});

describe('members', () => {
  const roles = async () =>
    Object.fromEntries((await domain.engine.listMembers(tenant, id, 0, 100)).map((each) => [each.userId, each.role]));

  it('are added by moderators and owners, and change roles by owners', async () => {
    await create();
    const { conversations } = domain;
    await expect(conversations.addMembers(member, id, [carol])).rejects.toEqual(code('FORBIDDEN'));
    await expect(conversations.addMembers(stranger, id, [carol])).rejects.toEqual(code('NOT_FOUND'));
    await expect(conversations.addMembers(owner, id, [])).rejects.toEqual(code('BAD_USER_INPUT'));
    await expect(conversations.setMemberRole(member, id, bob, 'OWNER')).rejects.toEqual(code('FORBIDDEN'));
    await conversations.setMemberRole(owner, id, bob, 'MODERATOR');
    expect((await conversations.addMembers(member, id, [carol, bob])).memberCount).toBe(3);
    await expect(conversations.setMemberRole(owner, id, 'nobody', 'OWNER')).rejects.toEqual(code('NOT_FOUND'));
    await expect(conversations.setMemberRole(owner, id, alice, 'MEMBER')).rejects.toEqual(code('CONFLICT'));
    await conversations.setMemberRole(admin, id, alice, 'OWNER');
    expect(await roles()).toEqual({ alice: 'OWNER', bob: 'MODERATOR', carol: 'MEMBER' });
  });

  it('are removed by who outranks them', async () => {
    await create({ memberIds: [bob, carol, 'dave', 'erin'] });
    const { conversations } = domain;
    for (const each of [bob, carol]) await conversations.setMemberRole(owner, id, each, 'MODERATOR');
    await expect(conversations.removeMember(viewerOf(userId('dave')), id, 'erin')).rejects.toEqual(code('FORBIDDEN'));
    const outranked = { code: 'FORBIDDEN', message: 'Only an OWNER may remove this member.' };
    for (const each of [carol, alice])
      await expect(conversations.removeMember(member, id, each)).rejects.toMatchObject(outranked);
    await expect(conversations.removeMember(member, id, 'nobody')).rejects.toEqual(code('NOT_FOUND'));
    expect(await conversations.removeMember(member, id, 'dave')).not.toHaveProperty('isLeft');
    await conversations.removeMember(owner, id, carol);
    await conversations.removeMember(admin, id, bob);
    expect(await roles()).toEqual({ alice: 'OWNER', erin: 'MEMBER' });
    await conversations.setMemberRole(owner, id, 'erin', 'OWNER');
    expect(await conversations.removeMember(owner, id, alice)).toMatchObject({ isLeft: true });
  });

  it('leave by themselves, and the last owner leaves another behind', async () => {
    await create({ memberIds: [bob, carol] });
    const { conversations } = domain;
    expect(await conversations.leave(owner, id)).toMatchObject({ isLeft: true });
    expect(await roles()).toEqual({ bob: 'OWNER', carol: 'MEMBER' });
    await conversations.leave(stranger, id);
    await expect(conversations.leave(stranger, id)).rejects.toEqual(code('NOT_FOUND'));
    await expect(conversations.leave(admin, id)).rejects.toEqual(code('NOT_FOUND'));
    expect(await conversations.leave(member, id)).toMatchObject({ memberCount: 0, isLeft: true });
    await expect(conversations.leave(member, id)).rejects.toEqual(code('NOT_FOUND'));
  });

  it('join rooms by themselves; services join any but direct ones', async () => {
    await create({ kind: 'ROOM' });
    const { conversations } = domain;
    expect((await conversations.join(stranger, id)).memberCount).toBe(3);
    expect((await conversations.join(stranger, id)).memberCount).toBe(3);
    const group = await conversations.create(owner, { memberIds: [bob] });
    expect((await conversations.join(member, group.id)).memberCount).toBe(2);
    await expect(conversations.join(stranger, group.id)).rejects.toEqual(code('NOT_FOUND'));
    await expect(conversations.join(admin, group.id)).rejects.toEqual(code('FORBIDDEN'));
    expect((await conversations.join(service, group.id)).memberCount).toBe(3);
    const another = await conversations.create(owner, {});
    expect((await conversations.addMembers(service, another.id, [service.userId])).memberCount).toBe(2);
    const direct = await conversations.openDirect(owner, bob);
    await expect(conversations.join(service, direct.id)).rejects.toEqual(code('NOT_FOUND'));
    await expect(conversations.addMembers(service, another.id, [carol])).rejects.toEqual(code('FORBIDDEN'));
  });

  it('of a direct conversation, and its name, never change', async () => {
    const { conversations } = domain;
    const direct = await conversations.openDirect(owner, bob);
    const acts = [
      conversations.leave(owner, direct.id),
      conversations.rename(admin, direct.id, 'a name'),
      conversations.addMembers(admin, direct.id, [carol]),
      conversations.removeMember(admin, direct.id, bob),
      conversations.setMemberRole(admin, direct.id, bob, 'OWNER'),
    ];
    for (const act of acts) await expect(act).rejects.toEqual(code('FORBIDDEN'));
    await conversations.delete(owner, direct.id);
    expect((await domain.lists.inboxOf(owner, alice, {})).totalCount).toBe(0);
    expect((await domain.lists.inboxOf(member, bob, {})).totalCount).toBe(1);
  });
});

describe('a conversation', () => {
  it('is renamed by moderators and deleted by owners', async () => {
    await create();
    const { conversations } = domain;
    await expect(conversations.rename(member, id, 'new')).rejects.toEqual(code('FORBIDDEN'));
    expect((await conversations.rename(owner, id, 'new')).name).toBe('new');
    expect((await conversations.rename(admin, id, null)).name).toBeNull();
    await expect(conversations.rename(owner, id, ' ')).rejects.toEqual(code('BAD_USER_INPUT'));
    await conversations.setMemberRole(owner, id, bob, 'MODERATOR');
    await expect(conversations.delete(member, id)).rejects.toEqual(code('FORBIDDEN'));
    await expect(conversations.delete(stranger, id)).rejects.toEqual(code('NOT_FOUND'));
    await conversations.delete(owner, id);
    expect(await conversations.findMany(member, [id])).toEqual([null]);
    await expect(conversations.delete(owner, id)).rejects.toEqual(code('NOT_FOUND'));
  });

  it('is found by members and admins, in the order asked', async () => {
    await create();
    const find = async (viewer: Viewer, ...ids: string[]) =>
      (await domain.conversations.findMany(viewer, ids)).map((each) => each?.id ?? null);
    expect([await find(member, 'none', id, id), await find(admin, id), await find(stranger, id)]).toEqual([
      [null, id, id],
      [id],
      [null],
    ]);
    await expect(find(member, 'a b')).rejects.toEqual(code('BAD_USER_INPUT'));
    expect((await domain.conversations.readMany(tenant, [id]))[0]?.id).toBe(id);
    expect(
      (await domain.conversations.membershipsOf(member, [id, 'none' as ConversationId])).map(
        (each) => each?.role ?? null,
      ),
    ).toEqual(['MEMBER', null]);
  });

  it('its members and read positions come in pages', async () => {
    const users = ['u1', 'u2', 'u3', 'u4'];
    await create({ memberIds: users });
    const [conversation] = await domain.conversations.findMany(owner, [id]);
    if (!conversation) throw new Error('It was created.');
    const { members, readReceipts } = domain.conversations;
    const first = await members(tenant, conversation, 2, null);
    expect(first).toMatchObject({
      members: [{ userId: alice }, { userId: 'u1' }],
      hasNextPage: true,
      hasPreviousPage: false,
    });
    const at = encodeCursor('member', first.members[1]?.ordinal ?? 0);
    const rest = await members(tenant, conversation, 3, at);
    expect(rest).toMatchObject({
      members: [{ userId: 'u2' }, { userId: 'u3' }, { userId: 'u4' }],
      hasNextPage: false,
      hasPreviousPage: true,
    });
    await say('a', viewerOf(userId('u1')));
    for (const each of ['u1', 'u2', 'u3'])
      await domain.conversations.markRead(viewerOf(userId(each)), UNMETERED, id, 1);
    const read = await readReceipts(tenant, conversation, 2, null);
    expect([read.receipts.length, read.hasNextPage, read.hasPreviousPage]).toEqual([2, true, false]);
    const more = await readReceipts(tenant, conversation, 2, encodeCursor('receipt', read.receipts[1]?.ordinal ?? 0));
    expect([more.receipts.length, more.hasNextPage, more.hasPreviousPage]).toEqual([1, false, true]);
    for (const [page, kind] of [
      [members, 'receipt'],
      [readReceipts, 'member'],
    ] as const)
      await expect(page(tenant, conversation, 1, encodeCursor(kind, 1))).rejects.toEqual(code('BAD_USER_INPUT'));
  });

  it.each([
    ['in time', UNMETERED],
    ['late', late],
  ])('a read position moves forward, up to the last message: %s', async (_name, meter) => {
    await create();
    for (const content of ['a', 'b', 'c']) await say(content, owner);
    const read = async (sequence: number, viewer = member) => {
      const marked = await domain.conversations.markRead(viewer, meter, id, sequence);
      const { receipts } = await domain.conversations.readReceipts(tenant, marked, 10, null);
      return receipts.find((each) => each.userId === viewer.userId)?.sequence ?? 0;
    };
    expect(await read(0)).toBe(0);
    expect(await read(2)).toBe(2);
    await domain.conversations.markRead(member, UNMETERED, id, 2);
    expect(await read(1)).toBe(2);
    expect(await read(3)).toBe(3);
    await expect(read(4)).rejects.toEqual(code('BAD_USER_INPUT'));
    await expect(read(-1)).rejects.toEqual(code('BAD_USER_INPUT'));
    for (const viewer of [stranger, admin]) await expect(read(1, viewer)).rejects.toEqual(code('NOT_FOUND'));
  });
});

describe('lists of conversations', () => {
  it('a mute ends by itself, and settings are the viewer’s own', async () => {
    await create();
    const { lists, clock } = domain;
    const listed = async () => (await lists.inboxOf(member, bob, { filter: { archived: null } })).entries[0]?.listed;
    const until = clock.now() + 600_000;
    expect((await lists.mute(member, id, until)).listed.mutedUntil).toBe(until);
    expect((await listed())?.mutedUntil).toBe(until);
    expect((await lists.inboxOf(owner, alice, {})).entries[0]?.listed.mutedUntil).toBeNull();
    clock.advance(601_000);
    expect((await listed())?.mutedUntil).toBeNull();
    await expect(lists.mute(member, id, clock.now() - 1_000)).rejects.toEqual(code('BAD_USER_INPUT'));
    expect((await lists.mute(member, id, null)).listed.mutedUntil).toBeNull();
    for (const [viewer, answer] of [
      [stranger, 'NOT_FOUND'],
      [admin, 'FORBIDDEN'],
    ] as const)
      await expect(lists.keep(viewer, id, { isPinned: true })).rejects.toEqual(code(answer));
  });

  it('an inbox has pinned ones first, then the latest, in pages and by filters', async () => {
    const { lists, conversations, clock } = domain;
    for (const each of ['a', 'b', 'c', 'd']) {
      clock.advance(1_000);
      await conversations.create(owner, { id: each, kind: each === 'd' ? 'ROOM' : 'GROUP' });
    }
    await lists.keep(owner, 'b', { isPinned: true });
    await lists.keep(owner, 'c', { isArchived: true });
    const page = async (request: Parameters<typeof lists.inboxOf>[2]) => {
      const { entries, hasNextPage, hasPreviousPage, totalCount } = await lists.inboxOf(owner, alice, request);
      const last = entries.at(-1)?.listed;
      const after =
        last && encodeInboxCursor({ isPinned: last.isPinned, activity: last.activity, id: last.conversationId });
      return {
        ids: entries.map(({ conversation }) => conversation.id).join(''),
        hasNextPage,
        hasPreviousPage,
        totalCount,
        after,
      };
    };
    expect(await page({})).toMatchObject({ ids: 'bda', hasNextPage: false, hasPreviousPage: false, totalCount: 3 });
    const first = await page({ first: 2 });
    expect(first).toMatchObject({ ids: 'bd', hasNextPage: true, hasPreviousPage: false });
    expect(await page({ first: 2, after: first.after })).toMatchObject({
      ids: 'a',
      hasNextPage: false,
      hasPreviousPage: true,
    });
    expect((await page({ filter: { archived: true } })).ids).toBe('c');
    expect((await page({ filter: { archived: null } })).ids).toBe('bdca');
    expect((await page({ filter: { kind: 'ROOM' } })).ids).toBe('d');
    expect((await page({ filter: { unread: true } })).ids).toBe('');
    const all = await lists.pageOf(owner, alice, { first: 2 });
    expect(all.map((each) => each.id)).toEqual(['d', 'c']);
    const [, last] = all;
    for (const after of [last && encodeConversationCursor(last), 'c'])
      expect((await lists.pageOf(owner, alice, { after })).map((each) => each.id)).toEqual(['b', 'a']);
    await expect(lists.pageOf(owner, alice, { after: 'none' })).rejects.toEqual(code('BAD_USER_INPUT'));
  });

  it('a list is for its user and admins only, and no answer to others tells what is in it', async () => {
    await create();
    const acts = (viewer: Viewer) => [
      ...[undefined, id, 'none'].map((after) => domain.lists.pageOf(viewer, alice, { after })),
      ...[undefined, 'none'].map((after) => domain.lists.inboxOf(viewer, alice, { after })),
      domain.lists.unreadOf(viewer, alice),
    ];
    for (const each of await Promise.allSettled([...acts(member), ...acts(service)]))
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'FORBIDDEN' } });
    const answers = (await Promise.allSettled(acts(admin))).map((each) =>
      each.status === 'fulfilled' ? 'fulfilled' : each.reason.code,
    );
    const bad = 'BAD_USER_INPUT';
    expect(answers).toEqual(['fulfilled', 'fulfilled', bad, 'fulfilled', bad, 'fulfilled']);
  });

  it('rooms of a tenant are found by name', async () => {
    for (const name of ['Alpha', 'Beta', 'Beta two'])
      await domain.conversations.create(owner, { kind: 'ROOM', name, id: name.replace(' ', '-') });
    const names = async (request: object) => {
      const { rooms, ...ends } = await domain.lists.rooms(stranger, request);
      return [rooms.map(({ name }) => name), ends.hasNextPage, ends.hasPreviousPage];
    };
    expect(await names({})).toEqual([['Alpha', 'Beta', 'Beta two'], false, false]);
    expect(await names({ first: 2 })).toEqual([['Alpha', 'Beta'], true, false]);
    expect(await names({ search: 'beta' })).toEqual([['Beta', 'Beta two'], false, false]);
    expect(await names({ search: '' })).toEqual([['Alpha', 'Beta', 'Beta two'], false, false]);
  });
});
