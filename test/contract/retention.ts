import type { ConversationId, MessageRecord } from '../../src/model.ts';
import { alice, createGroup, type OpenWorld, tenant, text, type World } from '../support/world.ts';

export function describeRetention(open: OpenWorld): void {
  describe('messages with retention', () => {
    let world: World;
    beforeAll(async () => {
      world = await open({ retention: 10 });
    });
    afterAll(() => world.close());

    it('keeps the newest messages and refuses positions before them', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const sent: MessageRecord[] = [];
      for (let n = 1; n <= 25; n += 1) {
        const append = await engine.appendMessage(tenant, text(id, alice, `${n}`, `key-${n}`));
        if ('message' in append) sent.push(append.message);
      }
      const kept = await engine.listMessages(tenant, id, { after: 0, before: null, limit: 25, from: 'first' });
      expect(kept.messages.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 10 }, (_, index) => index + 16),
      );
      const read = (index: number) => engine.readLog(tenant, id, sent[index]?.position ?? { epoch: '', place: 0 }, 100);
      expect(await read(13)).toEqual({ outcome: 'expired', reason: 'RETENTION' });
      const page = await read(14);
      expect(page.outcome === 'read' && page.entries.map(({ message }) => message?.sequence)).toEqual(
        Array.from({ length: 10 }, (_, index) => index + 16),
      );
      expect(await engine.appendMessage(tenant, text(id, alice, 'again', 'key-1'))).toEqual({
        outcome: 'no-longer-kept',
      });
    });

    it('G02: a repeated reply is a duplicate, also when its target is no longer kept', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const target = await engine.appendMessage(tenant, text(id, alice, 'question'));
      if (!('message' in target)) throw new Error(target.outcome);
      const reply = (key: string) =>
        engine.appendMessage(tenant, { ...text(id, alice, 'answer', key), replyToId: target.message.id });
      const first = await reply('r1');
      for (let n = 0; n < 9; n += 1) await engine.appendMessage(tenant, text(id, alice, `${n}`));
      expect(await engine.readMessages(tenant, [target.message.id])).toEqual([null]);
      expect(await reply('r1')).toEqual({ ...first, outcome: 'duplicate' });
      expect(await reply('r2')).toEqual({ outcome: 'no-reply-target' });
    });

    it('caps the log of a message that changes again and again', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const append = await engine.appendMessage(tenant, text(id, alice, 'x'));
      if (!('message' in append)) throw new Error(append.outcome);
      const { id: messageId, position } = append.message;
      for (let n = 0; n < 60; n += 1) await engine.editMessage(tenant, messageId, `${n}`, null);
      expect(await engine.readLog(tenant, id, position, 100)).toEqual({ outcome: 'expired', reason: 'RETENTION' });
      const page = await engine.readLog(tenant, id, { ...position, place: 21 }, 100);
      expect(page.outcome === 'read' && page.entries.length).toBe(40);
    });
  });

  describe('messages with retention by age', () => {
    const AGE_MS = 90 * 86_400_000;
    let world: World;
    beforeAll(async () => {
      world = await open({ retention: { ageMs: AGE_MS } });
    });
    afterAll(() => world.close());

    const send = async (id: ConversationId, content: string, key?: string): Promise<MessageRecord> => {
      const append = await world.engine.appendMessage(tenant, text(id, alice, content, key));
      if (!('message' in append)) throw new Error(append.outcome);
      return append.message;
    };
    const page = async (id: ConversationId) => {
      const { messages, firstSequence, lastSequence } = await world.engine.listMessages(tenant, id, {
        after: 0,
        before: null,
        limit: 100,
        from: 'first',
      });
      return [messages.map(({ sequence }) => sequence), firstSequence, lastSequence];
    };

    it('expired messages are gone from every read, also when nothing was sent since', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice);
      const old = [await send(id, '1'), await send(id, '2')];
      clock.advance(AGE_MS / 2);
      const young = await send(id, '3');
      expect(await page(id)).toEqual([[1, 2, 3], 1, 3]);
      clock.advance(AGE_MS / 2);
      expect(
        await engine.readMessages(
          tenant,
          [...old, young].map((each) => each.id),
        ),
      ).toEqual([null, null, young]);
      expect(await page(id)).toEqual([[3], 3, 3]);
      clock.advance(AGE_MS / 2);
      expect(await page(id)).toEqual([[], 4, 3]);
      // Numbers go on.
      expect((await send(id, '4')).sequence).toBe(4);
      expect(await page(id)).toEqual([[4], 4, 4]);
    });

    it('a position before the kept messages is refused, later ones resume', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice);
      const [first, second] = [await send(id, '1'), await send(id, '2')];
      clock.advance(AGE_MS / 2);
      const third = await send(id, '3');
      clock.advance(AGE_MS / 2);
      expect(await engine.readLog(tenant, id, first.position, 100)).toEqual({
        outcome: 'expired',
        reason: 'RETENTION',
      });
      const read = await engine.readLog(tenant, id, second.position, 100);
      expect(read.outcome === 'read' && read.entries.map(({ message }) => message)).toEqual([third]);
      clock.advance(AGE_MS);
      const rest = await engine.readLog(tenant, id, third.position, 100);
      expect(rest.outcome === 'read' && rest.entries).toEqual([]);
    });

    it('an expired message can be neither changed nor replied to', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice);
      const old = await send(id, '1');
      clock.advance(AGE_MS);
      expect(await engine.editMessage(tenant, old.id, 'x', null)).toEqual({ outcome: 'not-found' });
      expect(await engine.addReaction(tenant, old.id, alice, '👍')).toEqual({ outcome: 'not-found' });
      const reply = { ...text(id, alice, 'reply'), replyToId: old.id };
      expect(await engine.appendMessage(tenant, reply)).toEqual({ outcome: 'no-reply-target' });
    });

    it('a thousand messages that expire at once are all removed', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice);
      for (let n = 0; n < 1_100; n += 100) await Promise.all(Array.from({ length: 100 }, () => send(id, 'x')));
      clock.advance(AGE_MS);
      await page(id);
      expect(await page(id)).toEqual([[], 1_101, 1_100]);
    });
  });
}
