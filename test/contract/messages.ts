import { TIMES } from '../../src/limits.ts';
import type { MessageId, MessageRecord } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import {
  APART_MS,
  alice,
  bob,
  createGroup,
  newConversationId,
  type OpenWorld,
  record,
  sendText,
  tenant,
  text,
  type World,
} from '../support/world.ts';

export function describeMessages(open: OpenWorld): void {
  describe('messages', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    const send = (...args: Parameters<typeof text>): Promise<MessageRecord> => sendText(world.engine, ...args);

    it('an append returns the sequence, place and time that it announces', async () => {
      const { engine, other, clock } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      const before = clock.now();
      const first = await send(id, alice, 'Hello "you"\n\t🎉');
      const { message: second } = (await engine.appendMessage(tenant, {
        ...text(id, bob, ''),
        payload: { a: [1, { b: null }], c: '\n', empty: [], none: {} },
        replyToId: first.id,
      })) as { message: MessageRecord };
      expect(first).toMatchObject({
        conversationId: id,
        sequence: 1,
        content: 'Hello "you"\n\t🎉',
        payload: null,
        senderId: alice,
        reactions: [],
        editedAt: null,
        deletedAt: null,
        clientMessageId: null,
        replyToId: null,
        position: { place: 1 },
      });
      expect(second).toMatchObject({
        sequence: 2,
        payload: { a: [1, { b: null }], c: '\n', empty: [], none: {} },
        replyToId: first.id,
        position: { place: 2, epoch: first.position.epoch },
      });
      expect(first.timestamp).toBeGreaterThanOrEqual(before - APART_MS);
      expect(first.timestamp).toBeLessThanOrEqual(clock.now() + APART_MS);
      await eventually(() =>
        expect(heard).toEqual([
          { type: 'message', change: 'SENT', message: first },
          { type: 'message', change: 'SENT', message: second },
        ]),
      );
      expect(await other.readMessages(tenant, [second.id, 'x.1.y' as MessageId, first.id])).toEqual([
        second,
        null,
        first,
      ]);
      const [conversation] = await other.readConversations(tenant, [id]);
      expect(conversation).toMatchObject({
        lastSequence: 2,
        lastActivityAt: second.timestamp,
        position: second.position,
      });
      await listening.close();
    });

    it('refuses a sender who is not a member, and uses up no sequence', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      expect(await engine.appendMessage(tenant, text(id, bob, 'x'))).toEqual({ outcome: 'not-member' });
      expect(await engine.appendMessage(tenant, text(newConversationId(), bob, 'x'))).toEqual({
        outcome: 'not-member',
      });
      expect((await send(id, alice, 'first')).sequence).toBe(1);
    });

    it('G03: fifty concurrent writers on two nodes leave no gap, and all listeners receive one order', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice);
      const here = await record(engine, { kind: 'conversation', tenant, id });
      const there = await record(other, { kind: 'conversation', tenant, id });
      const writers = Array.from({ length: 50 }, async (_, writer) => {
        const node = writer % 2 ? engine : other;
        for (let n = 0; n < 10; n += 1) await node.appendMessage(tenant, text(id, alice, `${writer}/${n}`));
      });
      await Promise.all(writers);
      await eventually(() => expect([here.heard.length, there.heard.length]).toEqual([500, 500]));
      const sequences = here.heard.map((each) => (each.type === 'message' ? each.message.sequence : 0));
      expect(sequences).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
      expect(there.heard).toEqual(here.heard);
      const kept = await engine.listMessages(tenant, id, { after: 0, before: null, limit: 500, from: 'first' });
      expect(kept.messages.map(({ content }) => content)).toEqual(
        here.heard.map((each) => (each.type === 'message' ? each.message.content : '')),
      );
      await here.listening.close();
      await there.listening.close();
    });

    it('G02: concurrent sends with the same clientMessageId store one message', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(engine, { kind: 'conversation', tenant, id });
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (index % 2 ? engine : other).appendMessage(tenant, text(id, alice, `try ${index}`, 'key-1')),
        ),
      );
      expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
      expect(new Set(results.map((each) => ('message' in each ? each.message.id : null))).size).toBe(1);
      expect((await engine.appendMessage(tenant, text(id, bob, 'mine', 'key-1'))).outcome).toBe('appended');
      await eventually(() => expect(heard).toHaveLength(2));
      await listening.close();
    });

    it('G02: a reply needs a message of the same conversation; a repeated reply is a duplicate', async () => {
      const { engine } = world;
      const [id, elsewhere] = [await createGroup(engine, alice), await createGroup(engine, alice)];
      const [target, foreign] = [await send(id, alice, 'question'), await send(elsewhere, alice, 'x')];
      const reply = (replyToId: string, key: string | null) =>
        engine.appendMessage(tenant, {
          ...text(id, alice, 'answer', key ?? undefined),
          replyToId: replyToId as MessageId,
        });
      const almost = target.id.slice(0, -1) + (target.id.endsWith('_') ? '-' : '_');
      for (const bad of [foreign.id, 'x', almost])
        for (const key of [null, 'r0']) expect(await reply(bad, key)).toEqual({ outcome: 'no-reply-target' });
      expect(await reply(target.id, 'r1')).toMatchObject({ outcome: 'appended', message: { replyToId: target.id } });
      expect(await reply(target.id, 'r1')).toMatchObject({ outcome: 'duplicate' });
      expect(await engine.readConversations(tenant, [id])).toMatchObject([{ lastSequence: 2 }]);
    });

    it('G02: a key is remembered for 24 h', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice);
      const { id: first } = await send(id, alice, 'a', 'daily');
      clock.advance(TIMES.idempotencyMs - 60_000);
      expect((await send(id, alice, 'b', 'daily')).id).toBe(first);
      clock.advance(120_000);
      expect((await send(id, alice, 'c', 'daily')).id).not.toBe(first);
    });

    it('G02: another message under a used key is a conflict and is not stored', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const first = await send(id, alice, 'a', 'key');
      const another = { ...text(id, alice, 'b', 'key'), key: { id: 'key', digest: 'another' } };
      expect(await other.appendMessage(tenant, another)).toEqual({ outcome: 'conflict' });
      const sent = { conversationId: id, senderId: alice, key: { id: 'key', digest: 'same' } };
      expect(await other.findSent(tenant, sent)).toEqual({ outcome: 'duplicate', message: first });
      expect(await other.findSent(tenant, { ...sent, key: another.key })).toEqual({ outcome: 'conflict' });
      expect(await other.findSent(tenant, { ...sent, senderId: bob })).toBeNull();
      expect(
        (await engine.listMessages(tenant, id, { after: 0, before: null, limit: 10, from: 'first' })).messages,
      ).toEqual([first]);
    });

    it('G02: the key of a dropped or forwarded message is remembered as long as that of a stored one', async () => {
      const { engine, other, clock } = world;
      // It may be kept from a conversation that is not there yet.
      for (const id of [await createGroup(engine, alice), newConversationId()]) {
        const sent = { conversationId: id, senderId: alice, key: { id: 'kept', digest: 'same' } };
        const elsewhere = { fate: 'ROUTED', messageId: 'x.1.y' as MessageId } as const;
        await engine.noteDiverted(tenant, sent, elsewhere);
        await other.noteDiverted(tenant, sent, { fate: 'DROPPED', messageId: null });
        expect(await other.findSent(tenant, sent)).toEqual({ outcome: 'diverted', ...elsewhere });
        const dropped = { ...sent, key: { id: 'dropped', digest: 'same' } };
        await other.noteDiverted(tenant, dropped, { fate: 'DROPPED', messageId: null });
        expect(await engine.findSent(tenant, dropped)).toEqual({
          outcome: 'diverted',
          fate: 'DROPPED',
          messageId: null,
        });
        const another = { ...sent, key: { id: 'kept', digest: 'another' } };
        expect(await engine.findSent(tenant, another)).toEqual({ outcome: 'conflict' });
      }
      const id = await createGroup(engine, alice);
      const sent = { conversationId: id, senderId: alice, key: { id: 'kept', digest: 'same' } };
      await engine.noteDiverted(tenant, sent, { fate: 'DROPPED', messageId: null });
      expect(await other.appendMessage(tenant, text(id, alice, 'x', 'kept'))).toMatchObject({ outcome: 'diverted' });
      clock.advance(TIMES.idempotencyMs);
      expect(await other.findSent(tenant, sent)).toBeNull();
      expect(await other.appendMessage(tenant, text(id, alice, 'x', 'kept'))).toMatchObject({ outcome: 'appended' });
    });

    it('G06: reads the log past a position page by page, with messages in their present state', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice);
      const [start] = await engine.readConversations(tenant, [id]);
      const sent = [await send(id, alice, '1'), await send(id, alice, '2'), await send(id, alice, '3')];
      await engine.editMessage(tenant, sent[0]?.id as MessageId, '1b', null);
      const position = start?.position ?? { epoch: '', place: 0 };
      const page = await other.readLog(tenant, id, position, 3);
      if (page.outcome !== 'read') throw new Error(page.outcome);
      expect(page.head.place).toBe(4);
      expect(
        page.entries.map(({ place, change, message, isLast }) => [place, change, message?.content, isLast]),
      ).toEqual([
        [1, 'SENT', '1b', false],
        [2, 'SENT', '2', true],
        [3, 'SENT', '3', true],
      ]);
      for (const { place, epoch, message } of page.entries) expect(message?.position).toEqual({ place, epoch });
      const rest = await other.readLog(tenant, id, { ...position, place: 3 }, 10);
      expect(rest).toMatchObject({ entries: [{ change: 'EDITED', place: 4 }] });
      expect(await other.readLog(tenant, id, { ...position, place: 4 }, 10)).toMatchObject({ entries: [] });
    });

    it('G06: refuses positions of another epoch, past the head, and of an unknown conversation', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice);
      const { position } = await send(id, alice, '1');
      const read = (epoch: string, place: number) => engine.readLog(tenant, id, { epoch, place }, 10);
      expect(await read('elsewhere', 1)).toEqual({ outcome: 'expired', reason: 'EPOCH' });
      expect(await read(position.epoch, 2)).toEqual({ outcome: 'expired', reason: 'DIVERGED' });
      expect(await engine.readLog(tenant, newConversationId(), position, 1)).toEqual({ outcome: 'not-found' });
    });
  });
}
