import { LIMITS } from '../../src/limits.ts';
import type { MessageId, MessageRecord, TenantId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import {
  alice,
  bob,
  createGroup,
  type OpenWorld,
  record,
  sendText,
  tenant,
  text,
  userId,
  type World,
} from '../support/world.ts';

export function describeMessageChanges(open: OpenWorld): void {
  describe('changes of messages', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    const send = (...args: Parameters<typeof text>): Promise<MessageRecord> => sendText(world.engine, ...args);

    it('edits, reactions and deletions take new places and keep the sequence', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      const { id: messageId } = await send(id, alice, 'draft');
      const edited = await engine.editMessage(tenant, messageId, 'final', { v: 2 });
      expect(edited).toMatchObject({
        outcome: 'changed',
        message: { content: 'final', payload: { v: 2 }, sequence: 1, position: { place: 2 } },
      });
      expect(await engine.addReaction(tenant, messageId, bob, '🎉')).toMatchObject({
        outcome: 'changed',
        message: { reactions: [{ emoji: '🎉', userIds: [bob] }], content: 'final' },
      });
      expect(await engine.addReaction(tenant, messageId, bob, '🎉')).toMatchObject({ outcome: 'unchanged' });
      await engine.addReaction(tenant, messageId, alice, '🎉');
      await engine.addReaction(tenant, messageId, alice, ':+1:');
      expect(await engine.removeReaction(tenant, messageId, bob, '🎉')).toMatchObject({
        message: {
          reactions: [
            { emoji: '🎉', userIds: [alice] },
            { emoji: ':+1:', userIds: [alice] },
          ],
        },
      });
      await engine.removeReaction(tenant, messageId, alice, '🎉');
      expect(await engine.removeReaction(tenant, messageId, alice, ':+1:')).toMatchObject({
        message: { reactions: [] },
      });
      expect(await engine.removeReaction(tenant, messageId, alice, ':+1:')).toMatchObject({ outcome: 'unchanged' });
      await engine.addReaction(tenant, messageId, alice, ':+1:');
      const deleted = await engine.deleteMessage(tenant, messageId, alice);
      expect(deleted).toMatchObject({
        outcome: 'changed',
        message: { content: '', payload: null, reactions: [], sequence: 1, deletedAt: expect.any(Number) },
      });
      expect('message' in deleted && deleted.message.editedAt).toEqual(expect.any(Number));
      expect(await engine.deleteMessage(tenant, messageId, alice)).toMatchObject({ outcome: 'unchanged' });
      expect(await engine.editMessage(tenant, messageId, 'again', null)).toEqual({ outcome: 'deleted' });
      expect(await engine.addReaction(tenant, messageId, bob, '🎉')).toEqual({ outcome: 'deleted' });
      await eventually(() => expect(heard).toHaveLength(10));
      expect(
        heard.map((each) => (each.type === 'message' ? [each.change, each.message.position.place] : null)),
      ).toEqual([
        ['SENT', 1],
        ['EDITED', 2],
        ...[3, 4, 5, 6, 7, 8, 9].map((place) => ['REACTED', place]),
        ['DELETED', 10],
      ]);
      const [conversation] = await engine.readConversations(tenant, [id]);
      expect(conversation).toMatchObject({ lastSequence: 1, position: { place: 10 } });
      await listening.close();
    });

    it('a message keeps the service that sent it for a user, and who deleted it, through all changes', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const service = userId('bot "1"');
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      const sent = await engine.appendMessage(tenant, { ...text(id, alice, 'for her', 'one'), via: service });
      if (!('message' in sent)) throw new Error(sent.outcome);
      const { id: messageId } = sent.message;
      expect(sent.message).toMatchObject({ senderId: alice, via: service });
      expect(await other.appendMessage(tenant, { ...text(id, alice, 'for her', 'one'), via: service })).toMatchObject({
        outcome: 'duplicate',
        message: sent.message,
      });
      expect(await engine.editMessage(tenant, messageId, 'edited', null)).toMatchObject({ message: { via: service } });
      const deleted = await engine.deleteMessage(tenant, messageId, userId('mod "2"'));
      expect(deleted).toMatchObject({ message: { via: service, deletedBy: 'mod "2"', content: '', payload: null } });
      expect(await engine.deleteMessage(tenant, messageId, bob)).toEqual({ ...deleted, outcome: 'unchanged' });
      if (!('message' in deleted)) throw new Error(deleted.outcome);
      expect(await other.readMessages(tenant, [messageId])).toEqual([deleted.message]);
      await eventually(() => expect(heard).toHaveLength(3));
      expect(heard[2]).toEqual({ type: 'message', change: 'DELETED', message: deleted.message });
      const own = await send(id, bob, 'his own');
      expect(own).not.toHaveProperty('via');
      const gone = await engine.deleteMessage(tenant, own.id, null);
      expect('message' in gone && gone.message).not.toHaveProperty('deletedBy');
      await listening.close();
    });

    it('every call with a malformed id, or one of another tenant, finds no message', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const sent = await send(id, alice, 'x');
      const wrongNonce = sent.id.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) as MessageId;
      const elsewhere = 'other' as TenantId;
      for (const [where, what] of [
        [tenant, wrongNonce],
        [tenant, 'x' as MessageId],
        [tenant, '../1' as MessageId],
        [elsewhere, sent.id],
      ] as const) {
        expect(await engine.readMessages(where, [what])).toEqual([null]);
        expect(await engine.editMessage(where, what, 'y', null)).toEqual({ outcome: 'not-found' });
        expect(await engine.deleteMessage(where, what, alice)).toEqual({ outcome: 'not-found' });
        expect(await engine.addReaction(where, what, alice, 'y')).toEqual({ outcome: 'not-found' });
        expect(await engine.removeReaction(where, what, alice, 'y')).toEqual({ outcome: 'not-found' });
        const writer = { senderId: alice, payload: undefined };
        const more = { ...writer, offset: 0, text: 'y', paceMs: 0 };
        expect(await engine.appendText(where, what, more)).toEqual({ outcome: 'not-found' });
        const end = { ...writer, state: 'COMPLETE', length: null, content: null } as const;
        expect(await engine.finishMessage(where, what, end)).toEqual({ outcome: 'not-found' });
        expect(await engine.requestStop(where, what)).toBeNull();
        expect(await engine.readWriting(where, what, writer)).toBeNull();
      }
      expect(await engine.readMessages(tenant, [sent.id])).toEqual([sent]);
    });

    it('fifty concurrent reactions are all counted', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice);
      const { id: messageId } = await send(id, alice, 'popular');
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (index % 2 ? engine : other).addReaction(tenant, messageId, userId(`fan${index}`), '❤️'),
        ),
      );
      const [message] = await engine.readMessages(tenant, [messageId]);
      expect(new Set(message?.reactions[0]?.userIds).size).toBe(50);
      expect(message?.position.place).toBe(51);
    });

    it('caps the emojis of a message', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const { id: messageId } = await send(id, alice, 'x');
      for (let n = 0; n < LIMITS.emojisPerMessage; n += 1) {
        const user = userId(`user-${Math.floor(n / 10)}`);
        expect(await engine.addReaction(tenant, messageId, user, `e${n}`)).toMatchObject({ outcome: 'changed' });
      }
      expect(await engine.addReaction(tenant, messageId, alice, 'one-more')).toEqual({ outcome: 'full' });
      expect(await engine.addReaction(tenant, messageId, bob, 'e0')).toMatchObject({ outcome: 'changed' });
    });

    it('G18: the emojis of one user on a message have a cap, which leaves room for others', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const { id: messageId } = await send(id, alice, 'x');
      const react = (user: UserId, emoji: string) => engine.addReaction(tenant, messageId, user, emoji);
      for (let n = 0; n < LIMITS.emojisPerUserAndMessage; n += 1)
        expect(await react(alice, `e${n}`)).toMatchObject({ outcome: 'changed' });
      expect(await react(alice, 'one-more')).toEqual({ outcome: 'full' });
      expect(await react(bob, 'one-more')).toMatchObject({ outcome: 'changed' });
      expect(await react(alice, 'one-more')).toEqual({ outcome: 'full' });
      await engine.removeReaction(tenant, messageId, alice, 'e0');
      expect(await react(alice, 'one-more')).toMatchObject({ outcome: 'changed' });
      expect(await react(bob, 'e1')).toMatchObject({ outcome: 'changed' });
    });
  });
}
