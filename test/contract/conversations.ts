import type { Actor, Creation, Gone, QuotaFull } from '../../src/engine/port.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, MemberRole, TenantId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import {
  APART_MS,
  alice,
  bob,
  carol,
  createGroup,
  newConversationId,
  type OpenWorld,
  record,
  tenant,
  text,
  userId,
  type World,
} from '../support/world.ts';

/** Of a user who has places enough, under an id that is free. */
function made(creation: Creation): Exclude<Creation, QuotaFull | Gone> {
  if (!('conversation' in creation)) throw new Error(`The conversation is not made: ${creation.outcome}.`);
  return creation;
}

export function describeConversations(open: OpenWorld): void {
  describe('conversations', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    it('creates a conversation once per id', async () => {
      const { engine, other } = world;
      const id = newConversationId();
      const make = async (name: string) =>
        made(
          await engine.createConversation(tenant, {
            id,
            name,
            kind: 'GROUP',
            createdBy: alice,
            members: [
              { userId: alice, role: 'OWNER' },
              { userId: bob, role: 'MEMBER' },
            ],
          }),
        );
      const created = await make('One');
      expect(created).toMatchObject({
        outcome: 'created',
        conversation: { id, name: 'One', kind: 'GROUP', createdBy: alice, lastSequence: 0, memberCount: 2 },
      });
      expect(created.conversation.lastActivityAt).toBeNull();
      expect(created.conversation.position).toEqual({ epoch: expect.any(String), place: 0 });
      expect(await make('Two')).toEqual({ outcome: 'exists', conversation: created.conversation });
      expect(await other.readConversations(tenant, [id])).toEqual([created.conversation]);
    });

    it('fifty concurrent creations with one id make one conversation', async () => {
      const id = newConversationId();
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (index % 2 ? world.engine : world.other).createConversation(tenant, {
            id,
            name: `${index}`,
            kind: 'ROOM',
            createdBy: alice,
            members: [{ userId: alice, role: 'OWNER' }],
          }),
        ),
      );
      expect(results.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
      expect(new Set(results.map((each) => made(each).conversation.name)).size).toBe(1);
    });

    it('reads a batch in the requested order, with null for unknown ids', async () => {
      const { engine } = world;
      const [one, two] = [await createGroup(engine, alice), await createGroup(engine, alice)];
      const read = await engine.readConversations(tenant, [two, newConversationId(), one]);
      expect(read.map((each) => each?.id ?? null)).toEqual([two, null, one]);
    });

    it('G09: ids of one tenant do not exist in another', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const elsewhere = 'acme2' as TenantId;
      expect(await engine.readConversations(elsewhere, [id])).toEqual([null]);
      expect(await engine.readMemberships(elsewhere, [{ conversationId: id, userId: alice }])).toEqual([null]);
      expect(await engine.listConversationIds(elsewhere, alice)).not.toContain(id);
      expect(await engine.appendMessage(elsewhere, text(id, alice, 'x'))).toEqual({ outcome: 'not-member' });
    });

    it('tenants and ids whose concatenations are equal stay separate', async () => {
      const { engine } = world;
      const here = 'a' as TenantId;
      const there = 'a.b' as TenantId;
      const make = (where: TenantId, id: string) =>
        engine.createConversation(where, {
          id: id as ConversationId,
          name: `${where}/${id}`,
          kind: 'GROUP',
          createdBy: alice,
          members: [{ userId: alice, role: 'OWNER' }],
        });
      await make(here, 'b.c');
      await make(there, 'c');
      expect((await engine.readConversations(here, ['b.c' as ConversationId]))[0]?.name).toBe('a/b.c');
      expect((await engine.readConversations(there, ['c' as ConversationId]))[0]?.name).toBe('a.b/c');
    });

    it('renames a conversation, and announces it with a higher version', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      expect(await engine.renameConversation(tenant, id, 'A "new" name\n✓')).toMatchObject({
        outcome: 'changed',
        conversation: { name: 'A "new" name\n✓' },
      });
      expect(await engine.renameConversation(tenant, id, 'A "new" name\n✓')).toMatchObject({ outcome: 'unchanged' });
      expect(await engine.renameConversation(tenant, id, null)).toMatchObject({ conversation: { name: null } });
      await eventually(() => expect(heard).toHaveLength(2));
      const versions = heard.map((each) => (each.type === 'conversation' ? each.conversation.version : -1));
      expect(versions[1]).toBeGreaterThan(versions[0] ?? 0);
      expect(await engine.renameConversation(tenant, newConversationId(), 'x')).toEqual({ outcome: 'not-found' });
      await listening.close();
    });

    it('adds all members or none, and notifies them', async () => {
      const { engine, other } = world;
      const dave = userId(`dave-${newConversationId()}`);
      const id = await createGroup(engine, alice);
      const told = await record(other, { kind: 'memberships', tenant, id: dave });
      expect(await engine.addMembers(tenant, id, [dave, alice, dave], 'MEMBER')).toMatchObject({
        outcome: 'changed',
        conversation: { memberCount: 2 },
      });
      expect(await engine.addMembers(tenant, id, [dave], 'MEMBER')).toMatchObject({ outcome: 'unchanged' });
      await eventually(() =>
        expect(told.heard).toEqual([
          expect.objectContaining({ type: 'membership', conversationId: id, isMember: true }),
        ]),
      );
      expect(await engine.listConversationIds(tenant, dave)).toEqual([id]);
      await told.listening.close();
    });

    it('refuses members above the cap', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      for (let start = 0; start < LIMITS.membersPerConversation - 1; start += 1_000) {
        const count = Math.min(1_000, LIMITS.membersPerConversation - 1 - start);
        const users = Array.from({ length: count }, (_, index) => userId(`u${start + index}`));
        expect(await engine.addMembers(tenant, id, users, 'MEMBER')).toMatchObject({ outcome: 'changed' });
      }
      expect(await engine.addMembers(tenant, id, [bob, carol], 'MEMBER')).toEqual({ outcome: 'full' });
      expect(await engine.readMemberships(tenant, [{ conversationId: id, userId: bob }])).toEqual([null]);
    });

    it('G08: removes a member, and announces it on the channel', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      expect(await engine.removeMember(tenant, id, bob, null)).toMatchObject({
        outcome: 'changed',
        conversation: { memberCount: 1 },
      });
      expect(await engine.removeMember(tenant, id, bob, null)).toMatchObject({ outcome: 'unchanged' });
      await eventually(() => expect(heard).toEqual([expect.objectContaining({ left: [bob], joined: [] })]));
      expect(await engine.appendMessage(tenant, text(id, bob, 'still here?'))).toEqual({ outcome: 'not-member' });
      expect(await engine.listConversationIds(tenant, bob)).not.toContain(id);
      await listening.close();
    });

    it('always has an owner: the longest-standing member succeeds the last one', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice, bob, carol);
      expect(await engine.setMemberRole(tenant, id, alice, 'MEMBER', null)).toEqual({ outcome: 'last-owner' });
      expect(await engine.setMemberRole(tenant, id, alice, 'OWNER', null)).toMatchObject({ outcome: 'unchanged' });
      await engine.removeMember(tenant, id, alice, null);
      const roles = (await engine.listMembers(tenant, id, 0, 10)).map(({ userId: who, role }) => [who, role]);
      expect(roles).toEqual([
        [bob, 'OWNER'],
        [carol, 'MEMBER'],
      ]);
      await engine.setMemberRole(tenant, id, carol, 'OWNER', null);
      expect(await engine.setMemberRole(tenant, id, bob, 'MODERATOR', null)).toMatchObject({ outcome: 'changed' });
      expect(await engine.setMemberRole(tenant, id, carol, 'MEMBER', null)).toEqual({ outcome: 'last-owner' });
      expect(await engine.setMemberRole(tenant, id, userId('nobody'), 'OWNER', null)).toEqual({ outcome: 'not-found' });
    });

    it('G08: checks the role of the actor in the same step as the change of a member', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob, carol);
      await engine.setMemberRole(tenant, id, bob, 'MODERATOR', null);
      const as = (who: UserId, least: MemberRole = 'MODERATOR'): Actor => ({ userId: who, least });
      const remove = (who: UserId, actor: Actor) => engine.removeMember(tenant, id, who, actor);
      const refused = { outcome: 'not-allowed' };
      expect(await remove(bob, as(carol))).toEqual(refused);
      expect(await remove(alice, as(bob))).toEqual(refused);
      expect(await remove(bob, as(bob))).toEqual(refused);
      expect(await remove(alice, as(bob, 'MEMBER'))).toEqual(refused);
      expect(await remove(carol, as(userId('stranger'), 'MEMBER'))).toEqual(refused);
      expect(await engine.setMemberRole(tenant, id, carol, 'OWNER', as(bob, 'OWNER'))).toEqual(refused);
      expect(await remove(carol, as(bob))).toMatchObject({ outcome: 'changed' });
      expect(await engine.setMemberRole(tenant, id, bob, 'OWNER', as(alice, 'OWNER'))).toMatchObject({
        outcome: 'changed',
      });
      const both = await Promise.all([remove(bob, as(alice)), other.removeMember(tenant, id, alice, as(bob))]);
      expect(both.map(({ outcome }) => outcome).sort()).toEqual(['changed', 'not-allowed']);
    });

    it('the first to join an empty conversation becomes its owner', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      await engine.removeMember(tenant, id, alice, null);
      await engine.addMembers(tenant, id, [bob, carol], 'MEMBER');
      const roles = (await engine.listMembers(tenant, id, 0, 10)).map(({ role }) => role);
      expect(roles).toEqual(['OWNER', 'MEMBER']);
      expect(await engine.setMemberRole(tenant, id, bob, 'MEMBER', null)).toEqual({ outcome: 'last-owner' });
    });

    it('lists members in the order they joined, page by page', async () => {
      const { engine } = world;
      const users = Array.from({ length: 25 }, (_, index) => userId(`m${24 - index}`));
      const id = await createGroup(engine, ...users);
      const first = await engine.listMembers(tenant, id, 0, 10);
      const second = await engine.listMembers(tenant, id, first.at(-1)?.ordinal ?? 0, 100);
      expect([...first, ...second].map((member) => member.userId)).toEqual(users);
      expect(await engine.listMembers(tenant, id, second.at(-1)?.ordinal ?? 0, 100)).toEqual([]);
    });

    it('read positions only move forward', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice, bob);
      const before = clock.now();
      for (const content of ['1', '2', '3']) await engine.appendMessage(tenant, text(id, alice, content));
      expect(await engine.markRead(tenant, id, bob, 2)).toMatchObject({ outcome: 'changed' });
      expect(await engine.markRead(tenant, id, bob, 1)).toMatchObject({ outcome: 'unchanged' });
      expect(await engine.markRead(tenant, id, bob, 4)).toEqual({ outcome: 'past-head' });
      expect(await engine.markRead(tenant, id, carol, 1)).toEqual({ outcome: 'not-member' });
      const receipts = await engine.listReadReceipts(tenant, id, 0, 100);
      expect(receipts.map(({ userId: who, sequence }) => [who, sequence])).toEqual([
        [alice, 3],
        [bob, 2],
      ]);
      for (const { readAt } of receipts) {
        expect(readAt).toBeGreaterThanOrEqual(before - APART_MS);
        expect(readAt).toBeLessThanOrEqual(clock.now() + APART_MS);
      }
    });

    it('lists read positions page by page, in the order of joining', async () => {
      const { engine } = world;
      const many = Array.from({ length: 450 }, (_, index) => userId(`member-${index}`));
      const id = await createGroup(engine, alice, ...many);
      await engine.appendMessage(tenant, text(id, alice, '1'));
      const readers = [many[0], many[230], many[449]].filter((reader) => reader !== undefined);
      for (const reader of readers.toReversed()) await engine.markRead(tenant, id, reader, 1);
      const first = await engine.listReadReceipts(tenant, id, 0, 3);
      expect(first.map((receipt) => receipt.userId)).toEqual([alice, ...readers.slice(0, 2)]);
      const rest = await engine.listReadReceipts(tenant, id, first.at(-1)?.ordinal ?? 0, 3);
      expect(rest.map((receipt) => receipt.userId)).toEqual(readers.slice(2));
      expect(await engine.listReadReceipts(tenant, id, rest.at(-1)?.ordinal ?? 0, 3)).toEqual([]);
    });

    it('a member who was added later has no read receipt until they read', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      await engine.appendMessage(tenant, text(id, alice, '1'));
      await engine.appendMessage(tenant, text(id, alice, '2'));
      await engine.addMembers(tenant, id, [bob, carol], 'MEMBER');
      const receipts = async (): Promise<unknown[]> =>
        (await engine.listReadReceipts(tenant, id, 0, 10)).map(({ userId: who, sequence }) => [who, sequence]);
      expect(await receipts()).toEqual([[alice, 2]]);
      expect(await engine.markRead(tenant, id, bob, 1)).toMatchObject({ outcome: 'unchanged' });
      expect(await receipts()).toEqual([[alice, 2]]);
      expect(await engine.markRead(tenant, id, bob, 2)).toMatchObject({ outcome: 'changed' });
      expect(await engine.markRead(tenant, id, bob, 2)).toMatchObject({ outcome: 'unchanged' });
      expect(await receipts()).toEqual([
        [alice, 2],
        [bob, 2],
      ]);
      const empty = await createGroup(engine, alice, bob);
      expect(await engine.markRead(tenant, empty, bob, 0)).toMatchObject({ outcome: 'unchanged' });
      expect(await engine.listReadReceipts(tenant, empty, 0, 10)).toEqual([]);
    });

    it('creating an existing conversation again adds no members', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const passerBy = userId('passer-by');
      const { heard, listening } = await record(other, { kind: 'memberships', tenant, id: passerBy });
      const again = await engine.createConversation(tenant, {
        id,
        name: 'Group',
        kind: 'GROUP',
        createdBy: alice,
        members: [alice, passerBy].map((who) => ({ userId: who, role: 'MEMBER' })),
      });
      expect(again).toMatchObject({ outcome: 'exists', conversation: { memberCount: 2 } });
      expect(await other.listConversationIds(tenant, passerBy)).toEqual([]);
      expect(heard).toEqual([]);
      await listening.close();
    });

    it('unread messages of a member who was added later count from the head of the log', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      await engine.appendMessage(tenant, text(id, alice, '1'));
      await engine.addMembers(tenant, id, [bob], 'MEMBER');
      const [conversation] = await engine.readConversations(tenant, [id]);
      const [membership] = await engine.readMemberships(tenant, [{ conversationId: id, userId: bob }]);
      expect(membership).toMatchObject({ readSequence: 1, joinedPosition: conversation?.position, role: 'MEMBER' });
    });
  });
}
