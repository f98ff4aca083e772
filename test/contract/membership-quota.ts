/** How many conversations a user creates and joins; other users cannot use up that cap. */
import type { Creation, Engine } from '../../src/engine/port.ts';
import type { ConversationId, ConversationKind, UserId } from '../../src/model.ts';
import { inGroups } from '../support/in-groups.ts';
import { newConversationId, type OpenWorld, tenant, userId, type World } from '../support/world.ts';

/** Conversations that a user of these worlds begins or joins. */
const MOST = 100;
const times = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

export function begin(
  engine: Engine,
  creator: UserId,
  others: readonly UserId[] = [],
  id: ConversationId = newConversationId(),
  kind: ConversationKind = 'ROOM',
): Promise<Creation> {
  return engine.createConversation(tenant, {
    id,
    name: null,
    kind,
    createdBy: creator,
    members: [
      { userId: creator, role: 'OWNER' as const },
      ...others.map((other) => ({ userId: other, role: 'MEMBER' as const })),
    ],
  });
}

export function describeMembershipQuota(open: OpenWorld): void {
  describe('the quota of conversations of a user', () => {
    let world: World;
    beforeAll(async () => {
      world = await open({ conversationsPerUser: MOST });
    });
    afterAll(() => world.close());

    const outcomes = (all: readonly { readonly outcome: string }[], outcome: string): number =>
      all.filter((each) => each.outcome === outcome).length;

    it('G18: conversations that others create with a user leave that user’s own cap untouched', async () => {
      const { engine } = world;
      const victim = userId('victim');
      const room = newConversationId();
      await begin(engine, userId('host'), [], room);
      for (const attacker of ['mallory', 'mallet'].map(userId)) {
        const all = await inGroups(MOST / 2 + 1, () => begin(engine, attacker, [victim]));
        expect(outcomes(all, 'created')).toBe(MOST / 2 + 1);
      }
      expect(await engine.listConversationIds(tenant, victim)).toHaveLength(MOST + 2);
      expect(await begin(engine, victim)).toMatchObject({ outcome: 'created' });
      expect(await engine.joinConversation(tenant, room, victim)).toMatchObject({ outcome: 'changed' });
      expect(await begin(engine, userId('friend'), [victim], undefined, 'GROUP')).toMatchObject({ outcome: 'created' });
    });

    it('G18: at the cap new conversations are refused, existing ones answered, and leaving makes room', async () => {
      const { engine, other } = world;
      const dave = userId('dave');
      const room = newConversationId();
      await begin(engine, userId('host'), [], room);
      const ids = times(MOST - 5).map(() => newConversationId());
      await inGroups(ids.length, (index) => begin(index % 2 ? engine : other, dave, [], ids[index]));
      // Whoever races for the last five, five are had.
      const raced = await Promise.all(times(25).map((index) => begin(index % 2 ? engine : other, dave)));
      expect([outcomes(raced, 'created'), outcomes(raced, 'quota-full')]).toEqual([5, 20]);
      const [first, second] = ids as [ConversationId, ConversationId];
      expect(await begin(engine, dave, [], first)).toMatchObject({ outcome: 'exists', conversation: { id: first } });
      expect(await engine.joinConversation(tenant, first, dave)).toMatchObject({ outcome: 'unchanged' });
      expect(await engine.joinConversation(tenant, room, dave)).toEqual({ outcome: 'quota-full' });
      // Being added is the other's doing, and what one was added to one is in already.
      expect(await engine.addMembers(tenant, room, [dave], 'MEMBER')).toMatchObject({ outcome: 'changed' });
      expect(await engine.joinConversation(tenant, room, dave)).toMatchObject({ outcome: 'unchanged' });
      await engine.removeMember(tenant, second, dave, null);
      expect(await begin(engine, dave, [], second)).toMatchObject({ outcome: 'exists' });
      const again = await Promise.all(times(5).map((index) => begin(index % 2 ? engine : other, dave)));
      expect([outcomes(again, 'created'), outcomes(again, 'quota-full')]).toEqual([1, 4]);
      expect(await engine.joinConversation(tenant, second, dave)).toEqual({ outcome: 'quota-full' });
    });

    it('failed creations and joins take no place', async () => {
      const { engine } = world;
      const erin = userId('erin');
      const taken = newConversationId();
      await begin(engine, userId('host'), [], taken, 'GROUP');
      for (const _ of times(3)) {
        const tries = await inGroups(MOST / 2, () => begin(engine, erin, [], taken));
        expect(outcomes(tries, 'exists')).toBe(MOST / 2);
        const absent = await inGroups(MOST / 2, () => engine.joinConversation(tenant, newConversationId(), erin));
        expect(outcomes(absent, 'not-found')).toBe(MOST / 2);
      }
      expect(await begin(engine, erin)).toMatchObject({ outcome: 'created' });
    });
  });
}
