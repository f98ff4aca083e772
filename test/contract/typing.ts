import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, carol, createGroup, type OpenWorld, record, tenant, text, type World } from '../support/world.ts';

export function describeTyping(open: OpenWorld): void {
  describe('typing', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    it('starts, renews and stops for members, on every node', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      expect(await engine.setTyping(tenant, id, carol, true)).toBeNull();
      expect(await engine.setTyping(tenant, id, alice, false)).toMatchObject({ isTyping: false });
      expect(await engine.setTyping(tenant, id, alice, true)).toMatchObject({ isTyping: true, userId: alice });
      expect((await other.readTyping(tenant, [id]))[0]).toMatchObject([{ userId: alice, isTyping: true }]);
      await engine.setTyping(tenant, id, alice, false);
      expect(await other.readTyping(tenant, [id])).toEqual([[]]);
      await eventually(() => expect(heard).toHaveLength(2));
      expect(heard.map((each) => each.type === 'typing' && each.typing.isTyping)).toEqual([true, false]);
      await listening.close();
    });

    it('G12: ends by itself after the last call', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice, bob);
      await engine.setTyping(tenant, id, alice, true);
      clock.advance(TIMES.typingMs - 2_500);
      await engine.setTyping(tenant, id, alice, true);
      clock.advance(TIMES.typingMs - 2_500);
      expect((await engine.readTyping(tenant, [id]))[0]).toHaveLength(1);
      clock.advance(4_000);
      expect(await engine.readTyping(tenant, [id])).toEqual([[]]);
    });

    it.each([3_600_000, -3_600_000])('F25, G12: its duration does not depend on a clock set by %i ms', async (ms) => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice, bob);
      await engine.setTyping(tenant, id, alice, true);
      clock.jump(ms);
      const remaining = async (): Promise<number[]> =>
        ((await engine.readTyping(tenant, [id]))[0] ?? []).map(({ remainingMs }) => remainingMs);
      const [left = 0] = await remaining();
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(TIMES.typingMs);
      clock.advance(TIMES.typingMs);
      expect(await remaining()).toEqual([]);
      clock.jump(-ms);
    });

    it('stops when the user sends a message', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      for (const who of [alice, bob]) await engine.setTyping(tenant, id, who, true);
      await engine.appendMessage(tenant, text(id, alice, 'done'));
      expect(await other.readTyping(tenant, [id])).toMatchObject([[{ userId: bob }]]);
      await engine.setTyping(tenant, id, alice, true);
      expect((await other.readTyping(tenant, [id]))[0]).toHaveLength(2);
      await engine.startMessage(tenant, { ...text(id, alice, 'being written'), isHeld: false });
      expect(await other.readTyping(tenant, [id])).toMatchObject([[{ userId: bob }]]);
    });

    it('stops when the user leaves', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice, bob);
      await engine.setTyping(tenant, id, bob, true);
      await engine.removeMember(tenant, id, bob, null);
      expect(await engine.readTyping(tenant, [id])).toEqual([[]]);
    });
  });
}
