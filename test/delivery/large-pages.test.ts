/** What a node holds for a client that resumes in many conversations of large messages and does not read (G18). */
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { ReplayMemory } from '../../src/delivery/replay-memory.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, MessageRecord, Position } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

const LARGE = 'x'.repeat(LIMITS.writtenCharacters);
/** More than one page. */
const PER_CONVERSATION = 6;
/** Their first pages are twice as much as those that are shared may take. */
const CONVERSATIONS = Math.ceil((2 * LIMITS.sharedLogCharacters) / LIMITS.readingBytes);

/** Notes which messages were read and are still held. */
function noting(engine: Engine): { readonly engine: Engine; heldCharacters(): number } {
  const read: WeakRef<MessageRecord>[] = [];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return {
    engine: new Proxy(engine, {
      get(target, name: keyof Engine) {
        if (name !== 'readLog') return target[name];
        return async (...args: Parameters<Engine['readLog']>) => {
          const page = await target.readLog(...args);
          if (page.outcome !== 'read') return page;
          for (const { message } of page.entries) if (message) read.push(new WeakRef(message));
          return page;
        };
      },
    }),
    heldCharacters() {
      collect();
      return read.reduce((sum, each) => sum + (each.deref()?.content.length ?? 0), 0);
    },
  };
}

it('a stalled reader of many conversations holds one page in all, and receives everything once it reads', async () => {
  const clock = new TestClock();
  const steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  const { engine, heldCharacters } = noting(steady);
  const delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 });
  const after = new Map<ConversationId, Position>();
  for (let n = 0; n < CONVERSATIONS; n += 1) {
    const id = await createGroup(steady, alice, bob);
    const [conversation] = await steady.readConversations(tenant, [id]);
    after.set(id, conversation?.position ?? { epoch: '', place: 0 });
    for (let m = 0; m < PER_CONVERSATION; m += 1) await steady.appendMessage(tenant, text(id, alice, LARGE));
  }

  const heard = new Map<ConversationId, number[]>();
  const ends: unknown[] = [];
  let hasRoom = false;
  let resume = (): void => undefined;
  const stream = await delivery.messageReceived(fixedBearer(viewerOf(bob)), null, after);
  stream.pipe({
    push(event) {
      if (!('sequence' in event)) throw new Error('No conversation is lost.');
      const { conversationId, sequence } = event;
      heard.set(conversationId, [...(heard.get(conversationId) ?? []), sequence]);
    },
    end: (error) => ends.push(error),
    withdraw: () => undefined,
    isCongested: () => !hasRoom,
    onRoom(more) {
      resume = more;
      return () => undefined;
    },
  });
  for (let n = 0; n < 50; n += 1) await turn();
  expect(heldCharacters()).toBeLessThan(LIMITS.sharedLogCharacters + 3 * LIMITS.bufferedLogCharacters);

  hasRoom = true;
  const all = Array.from({ length: PER_CONVERSATION }, (_, n) => n + 1);
  await eventually(() => {
    resume();
    expect([...heard.values()]).toEqual([...after].map(() => all));
  });
  expect(ends).toHaveLength(0);
  delivery.close();
  await steady.close();
});

it('the pages read at the same time hold no more than one page', () => {
  const memory = new ReplayMemory();
  expect([memory.reserve(LIMITS.bufferedLogCharacters), memory.reserve(0), memory.reserve(1)]).toEqual([
    true,
    true,
    false,
  ]);
  memory.release(LIMITS.bufferedLogCharacters);
  expect(memory.reserve(1)).toBe(true);
});
