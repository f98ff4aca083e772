/** The ranges of messages from which pages are made, while messages are sent, deleted and trimmed. */

import type { KeptMessages, MessageRange } from '../../src/engine/port.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import fc from '../support/fast-check.ts';
import { alice, createGroup, newConversationId, type OpenWorld, tenant, text, type World } from '../support/world.ts';

const RETENTION = 10;

const ranges = fc.record({
  after: fc.oneof(fc.constant(0), fc.nat(60)),
  before: fc.oneof(fc.constant(null), fc.nat(60)),
  limit: fc.oneof(fc.nat(4), fc.constant(1_000)),
  from: fc.constantFrom('first' as const, 'last' as const),
});

/** The sequences of a range, of those kept. */
function expected(first: number, last: number, { after, before, limit, from }: MessageRange): number[] {
  const within = Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => first + index).filter(
    (sequence) => sequence > after && (before === null || sequence < before),
  );
  return from === 'first' ? within.slice(0, limit) : within.slice(Math.max(within.length - limit, 0));
}

export function describePages(open: OpenWorld): void {
  describe('ranges of messages', () => {
    let world: World;
    beforeAll(async () => {
      world = await open({ retention: RETENTION });
    });
    afterAll(() => world.close());

    const sequencesOf = ({ messages }: KeptMessages): number[] => messages.map(({ sequence }) => sequence);

    async function send(id: ConversationId): Promise<void> {
      const { outcome } = await world.engine.appendMessage(tenant, text(id, alice, 'x'));
      expect(outcome).toBe('appended');
    }

    it('cover exactly the kept messages', async () => {
      const { engine, other } = world;
      const property = fc.asyncProperty(fc.nat(40), fc.array(ranges, { maxLength: 6 }), async (count, asked) => {
        const id = await createGroup(engine, alice);
        for (let n = 0; n < count; n += 1) await send(id);
        for (const range of asked) {
          const kept = await other.listMessages(tenant, id, range);
          const first = Math.max(1, count - RETENTION + 1);
          expect([kept.firstSequence, kept.lastSequence]).toEqual([first, count]);
          expect(sequencesOf(kept)).toEqual(expected(first, count, range));
        }
      });
      await fc.assert(property, { numRuns: 12 });
    });

    it('are consistent while messages are appended, edited and trimmed', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice);
      const writing = Promise.all([
        (async () => {
          for (let n = 0; n < 60; n += 1) await send(id);
        })(),
        (async () => {
          for (let n = 0; n < 20; n += 1) {
            const { messages } = await other.listMessages(tenant, id, {
              after: 0,
              before: null,
              limit: 1,
              from: 'last',
            });
            if (messages[0]) await other.editMessage(tenant, messages[0].id, 'y', null);
          }
        })(),
      ]);
      for (const range of fc.sample(ranges, 60)) {
        const kept = await other.listMessages(tenant, id, range);
        expect(sequencesOf(kept)).toEqual(expected(kept.firstSequence, kept.lastSequence, range));
        expect(kept.lastSequence - kept.firstSequence).toBeLessThan(RETENTION);
      }
      await writing;
    });

    it.each(['first', 'last'] as const)('G18: of long messages are read in parts, from the %s', async (from) => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice);
      const payload = { filling: 'x'.repeat(LIMITS.payloadBytes - 100) };
      const long = { ...text(id, alice, 'é'.repeat(LIMITS.contentCharacters)), payload };
      for (let nth = 0; nth < RETENTION; nth += 1) await engine.appendMessage(tenant, long);
      // Each is about as long as this: one more may be read than fit.
      const most = Math.ceil(LIMITS.readingBytes / LIMITS.payloadBytes);
      const parts: number[][] = [];
      const all: number[] = [];
      let range: MessageRange = { after: 0, before: null, limit: RETENTION, from };
      for (let isPart = true; isPart; ) {
        const kept: KeptMessages = await other.listMessages(tenant, id, range);
        const part = sequencesOf(kept);
        parts.push(part);
        all.splice(from === 'first' ? all.length : 0, 0, ...part);
        range = from === 'first' ? { ...range, after: part.at(-1) ?? 0 } : { ...range, before: part[0] ?? 0 };
        isPart = kept.isPart;
      }
      expect(all).toEqual(expected(1, RETENTION, { after: 0, before: null, limit: RETENTION, from }));
      expect(parts.map(({ length }) => length <= most)).toEqual([true, true]);
    });

    it('of an unknown conversation are empty', async () => {
      const range = { after: 0, before: null, limit: 10, from: 'last' } as const;
      const kept = await world.engine.listMessages(tenant, newConversationId(), range);
      expect(kept).toEqual({ messages: [], firstSequence: 1, lastSequence: 0, isPart: false });
    });
  });
}
