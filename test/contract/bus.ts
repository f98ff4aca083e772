import { eventually } from '../support/eventually.ts';
import {
  alice,
  createGroup,
  newConversationId,
  type OpenWorld,
  record,
  tenant,
  text,
  type World,
} from '../support/world.ts';

export function describeBus(open: OpenWorld): void {
  describe('bus', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    it('G05: a listener receives everything written after `listen` resolved, in order, fifty times', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice);
      for (let round = 0; round < 50; round += 1) {
        const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
        const first = await engine.appendMessage(tenant, text(id, alice, 'a'));
        const second = await engine.appendMessage(tenant, text(id, alice, 'b'));
        await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(2));
        const sent = [first, second].map((append) => ('message' in append ? append.message.sequence : 0));
        expect(heard.map((each) => (each.type === 'message' ? each.message.sequence : 0))).toEqual(sent);
        await listening.close();
      }
    });

    it('a listener that was there before its conversation hears the creation, and has missed nothing', async () => {
      const { engine, other } = world;
      const id = newConversationId();
      const { heard, interruptions, listening } = await record(other, { kind: 'conversation', tenant, id });
      // Answered after what the listener read of the state.
      expect(await other.readConversations(tenant, [id])).toEqual([null]);
      const members = [{ userId: alice, role: 'OWNER' as const }];
      await engine.createConversation(tenant, { id, name: null, kind: 'GROUP', createdBy: alice, members });
      await engine.appendMessage(tenant, text(id, alice, 'x'));
      await eventually(() => expect(heard.map(({ type }) => type)).toEqual(['conversation', 'message']));
      expect(interruptions()).toBe(0);
      await listening.close();
    });

    it('a closed listener receives nothing more; the others do', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const one = await record(engine, { kind: 'conversation', tenant, id });
      const two = await record(engine, { kind: 'conversation', tenant, id });
      await one.listening.close();
      await one.listening.close();
      await engine.appendMessage(tenant, text(id, alice, 'x'));
      await eventually(() => expect(two.heard).toHaveLength(1));
      expect(one.heard).toHaveLength(0);
      await two.listening.close();
    });

    it('closing one listener while another opens on the same channel loses nothing', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const channel = { kind: 'conversation', tenant, id } as const;
      const closed = Array.from({ length: 20 }, async () => {
        const { listening } = await record(engine, channel);
        await listening.close();
      });
      const last = await record(engine, channel);
      await Promise.all(closed);
      await engine.appendMessage(tenant, text(id, alice, 'x'));
      await eventually(() => expect(last.heard).toHaveLength(1));
      await last.listening.close();
    });

    it('after `close` every operation is refused with SERVICE_UNAVAILABLE', async () => {
      const closing = await open();
      const { engine } = closing;
      const id = await createGroup(engine, alice);
      await closing.close();
      const refused = expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' });
      await expect(engine.readConversations(tenant, [id])).rejects.toEqual(refused);
      await expect(engine.appendMessage(tenant, text(id, alice, 'x'))).rejects.toEqual(refused);
    });
  });
}
