import type { MessageRecord } from '../../src/model.ts';
import { alice, createGroup, type OpenWorld, tenant, text, type World } from '../support/world.ts';

export function describeRetention(open: OpenWorld): void {
  describe('messages with retention', () => {
    let world: World;
    beforeAll(async () => {
      world = await open({ retention: 10 });
    });
    afterAll(() => world.close());

    it('keeps the last and refuses positions before them', async () => {
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

    it('G02: a reply sent again is the message, also when its target is no longer kept', async () => {
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

    it('caps the log of a message that changes for ever', async () => {
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
}
