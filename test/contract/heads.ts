/** When conversations changed: a returning client finds the changes past an instant without a position in each. */
import type { Engine } from '../../src/engine/port.ts';
import type { ConversationId, Position } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import {
  alice,
  bob,
  createGroup,
  newConversationId,
  type OpenWorld,
  tenant,
  text,
  type World,
} from '../support/world.ts';

export function describeHeads(open: OpenWorld): void {
  describe('heads of conversations', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    /** A moment of the engine's clock of which nothing that is written before or after has the date. */
    async function instant(engine: Engine): Promise<number> {
      const past = async (time: number): Promise<number> => {
        const now = await engine.time();
        return now > time ? now : past(time);
      };
      const between = await past(await engine.time());
      await past(between);
      return between;
    }
    async function headAt(id: ConversationId, at: number) {
      const [head] = await world.other.readHeads(tenant, [id], at);
      if (!head) throw new Error('no head');
      return head;
    }
    const send = async (id: ConversationId, content: string): Promise<Position> => {
      const sent = await world.engine.appendMessage(tenant, text(id, alice, content));
      if (sent.outcome !== 'appended') throw new Error(sent.outcome);
      return sent.message.position;
    };

    it('give the position of each log at an instant; the log has every later entry', async () => {
      const id = await createGroup(world.engine, alice, bob);
      const instants = [await instant(world.engine)];
      const [conversation] = await world.engine.readConversations(tenant, [id]);
      const positions = [conversation?.position];
      for (let n = 1; n <= 5; n += 1) {
        await send(id, `${n}`);
        const sent = await world.engine.appendMessage(tenant, text(id, bob, 'x'));
        if (sent.outcome !== 'appended') throw new Error(sent.outcome);
        const { message } = sent;
        await world.engine.addReaction(tenant, message.id, alice, '👍');
        const edit = await world.engine.editMessage(tenant, message.id, 'y', null);
        positions.push('message' in edit ? edit.message.position : undefined);
        instants.push(await instant(world.engine));
      }
      for (const [index, at] of instants.entries()) {
        const { position, isKept } = await headAt(id, at);
        expect({ position, isKept }).toEqual({ position: positions[index], isKept: true });
        const page = await world.other.readLog(tenant, id, position, 100);
        expect(page.outcome === 'read' && page.entries.length).toBe(20 - 4 * index);
      }
    });

    it('say when the log, and when the rest of the conversation, last changed', async () => {
      const id = await createGroup(world.engine, alice, bob);
      await send(id, '1');
      const before = await instant(world.engine);
      expect((await headAt(id, before)).changedAt).toBeLessThan(before);
      expect((await headAt(id, before)).loggedAt).toBeLessThan(before);
      await world.engine.markRead(tenant, id, bob, 1);
      const read = await headAt(id, before);
      expect(read.changedAt).toBeGreaterThan(before);
      expect(read.loggedAt).toBeLessThan(before);
      await send(id, '2');
      const sent = await headAt(id, before);
      expect([sent.changedAt, sent.version]).toEqual([read.changedAt, read.version]);
      expect(sent.loggedAt).toBeGreaterThan(before);
    });

    it('answer in the requested order, with null for unknown ids and those of another tenant', async () => {
      const id = await createGroup(world.engine, alice);
      const heads = await world.other.readHeads(tenant, [newConversationId(), id], 0);
      expect(heads).toEqual([null, expect.objectContaining({ isKept: true })]);
      expect(await world.other.readHeads('other' as typeof tenant, [id], 0)).toEqual([null]);
    });

    it('say when retention removed entries past the instant', async () => {
      const few = await open({ retention: 2 });
      const id = await createGroup(few.engine, alice);
      const at = await instant(few.engine);
      for (let n = 1; n <= 20; n += 1) await few.engine.appendMessage(tenant, text(id, alice, `${n}`));
      const [gone] = await few.engine.readHeads(tenant, [id], at);
      expect(gone?.isKept).toBe(false);
      const [now] = await few.engine.readHeads(tenant, [id], await instant(few.engine));
      expect(now).toMatchObject({ isKept: true, position: { place: 20 } });
      await few.close();
    });

    it('announcements say why members left, and whose read position moved', async () => {
      const id = await createGroup(world.engine, alice, bob);
      await send(id, '1');
      const heard: unknown[] = [];
      const listening = await world.other.listen(
        { kind: 'conversation', tenant, id },
        {
          onAnnouncement: (announcement) => {
            if (announcement.type === 'conversation')
              heard.push([announcement.why, announcement.read, announcement.left]);
          },
          onInterrupted: () => undefined,
        },
      );
      await world.engine.markRead(tenant, id, bob, 1);
      await world.engine.removeMember(tenant, id, bob, { userId: bob, least: 'MEMBER' });
      await world.engine.addMembers(tenant, id, [bob], 'MEMBER');
      await world.engine.removeMember(tenant, id, bob, { userId: alice, least: 'OWNER' });
      await world.engine.deleteConversation(tenant, id, null);
      await eventually(() => expect(heard).toHaveLength(5));
      expect(heard).toEqual([
        [undefined, { userId: bob, sequence: 1, readAt: expect.any(Number) }, []],
        ['LEFT', undefined, [bob]],
        [undefined, undefined, []],
        ['REMOVED', undefined, [bob]],
        ['DELETED', undefined, [alice]],
      ]);
      await listening.close();
    });
  });
}
