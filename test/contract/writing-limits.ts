import type { WritingPage } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId, MessageRecord } from '../../src/model.ts';
import { alice, bob, createGroup, type OpenWorld, tenant, text, userId, type World } from '../support/world.ts';
import { writingCalls } from './writing-calls.ts';

export function describeWritingLimits(open: OpenWorld): void {
  describe('limits of streamed messages', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    const { start, append, finish, stored } = writingCalls(() => world);

    it('a message at the cap of code points takes no more text and can be finished', async () => {
      const id = await createGroup(world.engine, alice, bob);
      const { id: message } = await start(id, alice);
      const most = LIMITS.writtenCharacters;
      expect(await append(message, 0, '🎉'.repeat(most - 1))).toMatchObject({ length: most - 1 });
      expect(await append(message, most - 1, 'ab')).toEqual({ outcome: 'too-long', length: most - 1 });
      expect(await append(message, most - 1, 'a')).toMatchObject({ outcome: 'appended', length: most });
      expect(await append(message, most, 'b')).toEqual({ outcome: 'too-long', length: most });
      expect(await finish(message)).toMatchObject({ outcome: 'finished' });
      expect([...((await stored(message))?.content ?? '')].length).toBe(most);
    });

    it('G18: the messages that one sender streams at once, and the appends a second of each, have caps', async () => {
      const { engine, clock } = world;
      const id = await createGroup(engine, alice, bob);
      const all: MessageRecord[] = [];
      for (let nth = 0; nth < LIMITS.writingsPerSender; nth += 1) all.push(await start(id, alice));
      const more = { ...text(id, alice, ''), isHeld: false };
      expect(await engine.startMessage(tenant, more)).toEqual({ outcome: 'full' });
      await start(id, bob);
      // What a service writes for her is not hers to make room for.
      expect(await engine.startMessage(tenant, { ...more, via: userId('bot') })).toMatchObject({ outcome: 'appended' });
      clock.advance(TIMES.writingMs / 2);
      const [first] = all;
      if (!first) throw new Error('nothing was started');
      let length = 0;
      const outcomes: string[] = [];
      // Slower than any machine: a minute for each, of which a hundred make up what may come at once.
      for (let nth = 0; nth < 3; nth += 1) {
        const answer = await append(first.id, length, 'x', { paceMs: 20_000 });
        outcomes.push(answer.outcome);
        if (answer.outcome === 'appended') length += 1;
      }
      expect(outcomes).toEqual(['appended', 'too-often', 'too-often']);
      // A sign of life has no pace.
      expect(await append(first.id, length, '')).toMatchObject({ outcome: 'appended' });
      const refused = await append(first.id, length, 'x', { paceMs: 20_000 });
      if (!('retryAfterMs' in refused)) throw new Error(refused.outcome);
      // Then it is taken, and it was not refused for longer.
      expect(refused.retryAfterMs).toBeLessThanOrEqual(20_000);
      clock.advance(refused.retryAfterMs);
      expect(await append(first.id, length, 'x', { paceMs: 20_000 })).toMatchObject({ outcome: 'appended' });
      clock.advance(TIMES.writingMs / 2);
      expect(await engine.startMessage(tenant, more)).toMatchObject({ outcome: 'appended' });
      expect((await engine.listWritings(tenant, id, 0)).messages.map((each) => each.id)).toContain(first.id);
    });

    it('G18: the messages streamed at once in a conversation have a cap; silent ones free their room', async () => {
      const { engine, clock } = world;
      // Longer than what Redis keeps in order by itself.
      const senders = Array.from({ length: 5 }, (_, nth) => userId(`writer-${nth}-${'x'.repeat(60)}`));
      const [full, silent] = [await createGroup(engine, alice, ...senders), await createGroup(engine, alice)];
      const all: MessageId[] = [];
      for (let nth = 0; nth < LIMITS.writingsPerConversation; nth += 1)
        all.push((await start(full, senders[nth % senders.length] ?? alice)).id);
      for (let nth = 0; nth < LIMITS.writingsPerSender; nth += 1) await start(silent, alice);
      const more = (id: ConversationId) => engine.startMessage(tenant, { ...text(id, alice, ''), isHeld: false });
      expect(await more(full)).toEqual({ outcome: 'full' });
      const listed: MessageId[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const page: WritingPage = await engine.listWritings(tenant, full, after);
        listed.push(...page.messages.map(({ id }) => id));
        after = page.next;
      }
      expect(listed).toEqual(all);
      clock.advance(TIMES.writingMs);
      expect(await more(silent)).toMatchObject({ outcome: 'appended' });
      expect(await more(full)).toMatchObject({ outcome: 'appended' });
    });

    it('G18: streamed messages are read in pages of bounded size, and all are read', async () => {
      const { engine, other, clock } = world;
      const id = await createGroup(engine, alice, bob);
      const long = 'é'.repeat(LIMITS.writtenCharacters);
      const started: MessageRecord[] = [];
      for (let nth = 0; nth < 7; nth += 1) started.push(await start(id, nth % 2 === 0 ? alice : bob, long));
      const ids = started.map((message) => message.id);
      const read: MessageId[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const page: WritingPage = await other.listWritings(tenant, id, after);
        const bytes = page.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
        expect(bytes).toBeLessThanOrEqual(LIMITS.readingBytes + Buffer.byteLength(long));
        read.push(...page.messages.map((message) => message.id));
        after = page.next;
      }
      expect(read).toEqual(ids);
      expect((await other.readMessages(tenant, ids)).map((message) => message?.content)).toEqual(ids.map(() => long));
      clock.advance(TIMES.writingMs);
      // What the silent left is ended bit by bit, and takes no room meanwhile.
      for (let nth = 0; nth < LIMITS.writingsPerSender; nth += 1) await start(id, alice);
      for (let after: number | null = 0; after !== null; ) after = (await other.listWritings(tenant, id, after)).next;
      expect(new Set((await other.readMessages(tenant, ids)).map((message) => message?.state))).toEqual(
        new Set(['ABORTED']),
      );
    });
  });
}
