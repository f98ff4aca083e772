/**
 * Each user's list of conversations: its order, its counts and the user's settings, always as new as the
 * conversations.
 */
import { randomUUID } from 'node:crypto';
import type { Engine, ListQuery, RoomSortKey } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { inGroups } from '../support/in-groups.ts';
import {
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

const ALL: ListQuery = { kind: null, isArchived: null, isUnread: null, order: 'pins', after: null, limit: 100 };
const someone = (): UserId => userId(`lister-${randomUUID()}`);

export function describeLists(open: OpenWorld): void {
  describe('lists', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    const send = (id: ConversationId, sender: UserId, engine: Engine = world.engine) => {
      world.clock.advance(1);
      return engine.appendMessage(tenant, text(id, sender, 'x'));
    };
    const list = (user: UserId, query: Partial<ListQuery> = {}, engine: Engine = world.other) =>
      engine.listConversations(tenant, user, { ...ALL, ...query });
    const ids = async (user: UserId, query: Partial<ListQuery> = {}): Promise<ConversationId[]> =>
      (await list(user, query)).entries.map(({ conversationId }) => conversationId);
    const unread = (user: UserId): Promise<number> => world.other.countUnread(tenant, user);
    const entry = async (user: UserId, id: ConversationId) =>
      (await list(user)).entries.find(({ conversationId }) => conversationId === id);
    const direct = async (one: UserId, two: UserId): Promise<ConversationId> => {
      const id = newConversationId();
      const members = [one, two].map((each) => ({ userId: each, role: 'MEMBER' as const }));
      await world.engine.createConversation(tenant, { id, name: null, kind: 'DIRECT', createdBy: one, members });
      return id;
    };

    it('the latest activity is first, on every node, as soon as a message is acknowledged', async () => {
      const { engine } = world;
      const dave = someone();
      const [one, two] = [await createGroup(engine, dave, bob), await createGroup(engine, dave, bob)];
      await send(one, bob);
      expect(await ids(dave)).toEqual([one, two]);
      await send(two, bob);
      expect(await ids(dave)).toEqual([two, one]);
      await send(one, dave, world.other);
      expect(await ids(dave)).toEqual([one, two]);
      expect(await entry(dave, one)).toMatchObject({ lastSequence: 2, readSequence: 2, kind: 'GROUP', peer: null });
      expect(await entry(dave, two)).toMatchObject({ lastSequence: 1, readSequence: 0 });
      expect(await engine.readListed(tenant, dave, [two, newConversationId()])).toEqual([await entry(dave, two), null]);
    });

    it('unread messages count from joining on, and reading and leaving reduce them', async () => {
      const { engine } = world;
      const [dave, erin, fay] = [someone(), someone(), someone()];
      const [one, two] = [await createGroup(engine, fay, dave), await createGroup(engine, fay, dave)];
      for (const id of [one, one, one, two]) await send(id, fay);
      expect(await unread(dave)).toBe(4);
      await engine.markRead(tenant, one, dave, 2);
      expect(await unread(dave)).toBe(2);
      await engine.addMembers(tenant, one, [erin], 'MEMBER');
      expect([await unread(erin), await ids(erin)]).toEqual([0, [one]]);
      await send(one, fay);
      expect([await unread(erin), await unread(dave), await unread(fay)]).toEqual([1, 3, 0]);
      await engine.removeMember(tenant, one, dave, null);
      expect([await unread(dave), await ids(dave)]).toEqual([1, [two]]);
      await engine.addMembers(tenant, one, [dave], 'MEMBER');
      expect([await unread(dave), await ids(dave)]).toEqual([1, [one, two]]);
    });

    it('pins come first when requested, and the next message unarchives a conversation', async () => {
      const { engine } = world;
      const dave = someone();
      const [one, two, three] = [
        await createGroup(engine, dave, bob),
        await createGroup(engine, dave, bob),
        await createGroup(engine, dave, bob),
      ];
      for (const id of [one, two, three]) await send(id, bob);
      await engine.changeListed(tenant, dave, one, { isPinned: true });
      expect([await ids(dave), await ids(dave, { order: 'activity' })]).toEqual([
        [one, three, two],
        [three, two, one],
      ]);
      expect(await engine.changeListed(tenant, dave, three, { isArchived: true })).toMatchObject({ isArchived: true });
      expect([await ids(dave, { isArchived: false }), await ids(dave, { isArchived: true })]).toEqual([
        [one, two],
        [three],
      ]);
      expect((await list(dave, { isArchived: false })).totalCount).toBe(2);
      await send(three, bob);
      expect(await ids(dave, { isArchived: false })).toEqual([one, three, two]);
      await engine.changeListed(tenant, dave, one, { isPinned: false });
      expect(await ids(dave)).toEqual([three, two, one]);
    });

    it('keeps mutes and unread marks; reading removes the mark', async () => {
      const { engine } = world;
      const dave = someone();
      const id = await createGroup(engine, dave, bob);
      await send(id, bob);
      await engine.markRead(tenant, id, dave, 1);
      await engine.changeListed(tenant, dave, id, { mutedUntil: 1_900_000_000_000 });
      expect(await engine.changeListed(tenant, dave, id, { isMarkedUnread: true })).toMatchObject({
        isMarkedUnread: true,
        mutedUntil: 1_900_000_000_000,
      });
      expect([await ids(dave, { isUnread: true }), await unread(dave)]).toEqual([[id], 0]);
      await engine.markRead(tenant, id, dave, 1);
      expect(await entry(dave, id)).toMatchObject({ isMarkedUnread: false, mutedUntil: 1_900_000_000_000 });
      expect([await ids(dave, { isUnread: true }), await ids(dave, { isUnread: false })]).toEqual([[], [id]]);
      await engine.changeListed(tenant, dave, id, { mutedUntil: null });
      expect(await entry(dave, id)).toMatchObject({ mutedUntil: null });
      expect(await engine.changeListed(tenant, carol, id, { isPinned: true })).toBeNull();
      expect(await engine.changeListed(tenant, dave, newConversationId(), { isPinned: true })).toBeNull();
    });

    it('hides a conversation until its next message', async () => {
      const { engine } = world;
      const [dave, erin] = [someone(), someone()];
      const id = await direct(dave, erin);
      await send(id, erin);
      expect(await entry(dave, id)).toMatchObject({ kind: 'DIRECT', peer: erin });
      expect(await engine.listHidden(tenant, dave)).toEqual(new Map());
      const { heard, listening } = await record(engine, { kind: 'memberships', tenant, id: dave });
      await engine.changeListed(tenant, dave, id, { isHidden: true });
      await eventually(() =>
        expect(heard).toEqual([{ type: 'membership', conversationId: id, isMember: true, hiddenAt: 1 }]),
      );
      await listening.close();
      expect(await engine.listHidden(tenant, dave)).toEqual(new Map([[id, 1]]));
      expect([await ids(dave), await unread(dave), await engine.readListed(tenant, dave, [id])]).toEqual([
        [],
        0,
        [null],
      ]);
      expect([await ids(erin), await engine.listConversationIds(tenant, dave)]).toEqual([[id], [id]]);
      await send(id, erin);
      expect([await ids(dave), await unread(dave)]).toEqual([[id], 2]);
      expect(await engine.listHidden(tenant, dave)).toEqual(new Map());
    });

    it('pages repeat and omit nothing that did not move, in every selection', async () => {
      const { engine } = world;
      const dave = someone();
      const made: ConversationId[] = [];
      for (let index = 0; index < 12; index += 1) {
        const id = index % 3 === 0 ? await direct(dave, someone()) : await createGroup(engine, dave, bob);
        if (index % 2) await send(id, dave);
        if (index % 4 === 1) await engine.changeListed(tenant, dave, id, { isPinned: true });
        if (index % 5 === 1) await engine.changeListed(tenant, dave, id, { isArchived: true });
        made.push(id);
      }
      const selections: Partial<ListQuery>[] = [
        {},
        { order: 'activity' },
        { kind: 'DIRECT' },
        { isArchived: false, isUnread: false },
        { isArchived: true, order: 'activity' },
      ];
      for (const selection of selections) {
        const whole = await list(dave, selection);
        const paged: ConversationId[] = [];
        let after: ListQuery['after'] = null;
        for (;;) {
          const { entries, totalCount } = await list(dave, { ...selection, after, limit: 5 });
          expect(totalCount).toBe(whole.entries.length);
          paged.push(...entries.map(({ conversationId }) => conversationId));
          const last = entries.at(-1);
          if (!last) break;
          after = { isPinned: last.isPinned, activity: last.activity, id: last.conversationId };
        }
        expect(paged).toEqual(whole.entries.map(({ conversationId }) => conversationId));
      }
      expect(new Set(await ids(dave))).toEqual(new Set(made));
    });

    it('counts and order are also exact for a conversation that grows past the cap of listed members', async () => {
      const { engine } = world;
      const [dave, erin] = [someone(), someone()];
      const crowd = Array.from({ length: LIMITS.listedMembers - 1 }, (_, index) => userId(`crowd-${index}`));
      const [small, large] = [await createGroup(engine, dave, bob), await createGroup(engine, dave, ...crowd)];
      await send(large, dave);
      await engine.changeListed(tenant, dave, large, { isArchived: true });
      // One more, and it is large, also for those who were in it before.
      await engine.addMembers(tenant, large, [erin], 'MEMBER');
      expect(await ids(dave, { isArchived: true })).toEqual([large]);
      await send(small, bob);
      await send(large, erin);
      expect([await ids(dave, { isArchived: false }), await unread(dave)]).toEqual([[large, small], 2]);
      await engine.markRead(tenant, large, dave, 2);
      expect([await unread(dave), await unread(userId('crowd-0')), await unread(erin)]).toEqual([1, 2, 0]);
      await engine.removeMember(tenant, large, dave, null);
      expect(await ids(dave)).toEqual([small]);
    });

    it('lists and searches rooms by their present names', async () => {
      const { engine, other } = world;
      const tenants = `rooms-${randomUUID()}` as typeof tenant;
      const room = async (name: string, kind: 'ROOM' | 'GROUP' = 'ROOM') => {
        const id = newConversationId();
        const members = [{ userId: bob, role: 'OWNER' as const }];
        await engine.createConversation(tenants, { id, name, kind, createdBy: bob, members });
        return id;
      };
      const [sports, art, artists] = [await room('Sports'), await room('Art'), await room('artists')];
      await room('Art of war', 'GROUP');
      const found = async (search: string, after: RoomSortKey | null = null, limit = 10) =>
        (await other.listRooms(tenants, { search, after, limit })).map(({ id }) => id);
      expect([await found(''), await found('aRT'), await found('arts')]).toEqual([
        [art, artists, sports],
        [art, artists],
        [],
      ]);
      const [first] = await other.listRooms(tenants, { search: '', after: null, limit: 1 });
      expect(await found('', first ?? null, 1)).toEqual([artists]);
      await engine.renameConversation(tenants, artists, 'Zoo');
      expect([await found(''), await found('art')]).toEqual([[art, sports, artists], [art]]);
      await engine.deleteConversation(tenants, sports, null);
      expect([await found(''), await engine.listRooms(tenant, { search: 'Zoo', after: null, limit: 1 })]).toEqual([
        [art, artists],
        [],
      ]);
    });

    it('G08: deletes a conversation for all members, notifies them, and does not reuse its id for a day', async () => {
      const { engine, other, clock } = world;
      const [dave, erin] = [someone(), someone()];
      const id = await createGroup(engine, dave, erin);
      const sent = await send(id, dave);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      const told = await record(other, { kind: 'memberships', tenant, id: erin });
      expect(await engine.deleteConversation(tenant, id, { userId: erin, least: 'OWNER' })).toBe('not-allowed');
      expect(await engine.deleteConversation(tenant, id, { userId: dave, least: 'OWNER' })).toBe('deleted');
      expect(await engine.deleteConversation(tenant, id, null)).toBe('not-found');
      await eventually(() => expect(heard.at(-1)).toMatchObject({ type: 'conversation', joined: [] }));
      const last = heard.at(-1);
      expect(last?.type === 'conversation' && [...last.left].sort()).toEqual([dave, erin].sort());
      await eventually(() => expect(told.heard.at(-1)).toMatchObject({ conversationId: id, isMember: false }));
      expect([await ids(erin), await unread(erin), await other.listConversationIds(tenant, erin)]).toEqual([[], 0, []]);
      expect(await other.readConversations(tenant, [id])).toEqual([null]);
      if (!('message' in sent)) throw new Error(sent.outcome);
      expect(await other.readMessages(tenant, [sent.message.id])).toEqual([null]);
      expect(await send(id, dave)).toEqual({ outcome: 'not-member' });
      const again = {
        id,
        name: null,
        kind: 'GROUP',
        createdBy: dave,
        members: [{ userId: dave, role: 'OWNER' }],
      } as const;
      expect(await engine.createConversation(tenant, again)).toEqual({ outcome: 'gone' });
      if (engine.kind === 'embedded') {
        clock.advance(TIMES.idempotencyMs);
        expect(await engine.createConversation(tenant, again)).toMatchObject({ outcome: 'created' });
      }
      await Promise.all([listening.close(), told.listening.close()]);
    });

    it('stores blocked users with the presence of the blocker, and announces changes', async () => {
      const { engine, other } = world;
      const [dave, erin, fay] = [someone(), someone(), someone()];
      const { heard, listening } = await record(other, { kind: 'presence', tenant, id: dave });
      expect(await engine.setBlocked(tenant, dave, erin, true)).toBe('changed');
      expect(await other.setBlocked(tenant, dave, erin, true)).toBe('unchanged');
      const [presence] = await other.readPresence(tenant, [dave]);
      expect(presence).toMatchObject({ blocked: [erin], status: 'OFFLINE', lastSeenAt: null });
      await eventually(() => expect(heard.at(-1)).toMatchObject({ presence: { userId: dave, blocked: [erin] } }));
      expect(await other.findBlockers(tenant, erin, [fay, dave])).toEqual([dave]);
      expect(await other.findBlockers(tenant, dave, [fay, erin])).toEqual([]);
      expect(await other.setBlocked(tenant, dave, erin, false)).toBe('changed');
      expect(await other.setBlocked(tenant, dave, erin, false)).toBe('unchanged');
      expect(await engine.readPresence(tenant, [dave])).toMatchObject([{ blocked: [] }]);
      await listening.close();
    });

    it('a user blocks others up to the cap, and another one once one is unblocked', async () => {
      const { engine, other } = world;
      const dave = someone();
      const others = Array.from({ length: LIMITS.blockedPerUser }, () => someone());
      const [first = dave] = others;
      const outcomes = await inGroups(others.length, (nth) =>
        engine.setBlocked(tenant, dave, others[nth] ?? dave, true),
      );
      expect(new Set(outcomes)).toEqual(new Set(['changed']));
      const more = someone();
      expect(await other.setBlocked(tenant, dave, more, true)).toBe('full');
      expect(await other.findBlockers(tenant, more, [dave])).toEqual([]);
      expect(await other.setBlocked(tenant, dave, first, true)).toBe('unchanged');
      expect(await other.setBlocked(tenant, dave, first, false)).toBe('changed');
      expect(await other.setBlocked(tenant, dave, more, true)).toBe('changed');
    });

    it('G09: shows nothing of another tenant', async () => {
      const { engine } = world;
      const dave = someone();
      await createGroup(engine, dave);
      const elsewhere = 'lists-elsewhere' as typeof tenant;
      expect(await engine.listConversations(elsewhere, dave, ALL)).toEqual({ entries: [], totalCount: 0 });
      expect(await engine.countUnread(elsewhere, dave)).toBe(0);
    });
  });
}
