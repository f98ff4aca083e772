/**
 * A returning client that missed 10,000 messages in 300 conversations and reads slowly: all arrive in order, and
 * little is held for it.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import type { InboxStreamEvent } from '../../src/delivery/inbox/inbox-events.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, InboxReturn, MessageRecord } from '../../src/model.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, createGroup, newConversationId, silentLog, tenant, text, viewerOf } from '../support/world.ts';

const CONVERSATIONS = 300;
const MESSAGES = 10_000;
/** Each of so many characters: all of them are several times what may be held. */
const LENGTH = 4_000;
/** After so many events the reader waits, and what is held for it is counted. */
const PAUSE_EVENTS = 1_000;

const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Notes which messages were read from the engine and are still held by anyone: how many characters. */
function noting(engine: Engine): { readonly engine: Engine; held(): number } {
  const read: WeakRef<MessageRecord>[] = [];
  const readLog: Engine['readLog'] = async (...args) => {
    const page = await engine.readLog(...args);
    if (page.outcome === 'read') for (const { message } of page.entries) if (message) read.push(new WeakRef(message));
    return page;
  };
  return {
    engine: { ...engine, readLog },
    held() {
      collect();
      return read.reduce((sum, each) => sum + (each.deref()?.content.length ?? 0), 0);
    },
  };
}

interface Heard {
  /** By conversation, the sequences in the order they came. */
  readonly sequences: Map<ConversationId, number[]>;
  readonly isOver: boolean;
  readonly mostHeld: number;
  readonly resume: InboxReturn;
}

async function readUntilLive(
  delivery: Delivery,
  clock: TestClock,
  checkpoint: InboxReturn | null,
  held: () => number,
): Promise<Heard> {
  const stream = await delivery.inboxStream(fixedBearer(viewerOf(bob)), { checkpoint, positions: new Map() });
  const sequences = new Map<ConversationId, number[]>();
  let [count, room, mostHeld] = [0, PAUSE_EVENTS, 0];
  /** Several replays may wait for room. */
  const waiting = new Set<() => void>();
  let last: InboxStreamEvent | null = null;
  const ends: unknown[] = [];
  stream.pipe({
    push(event) {
      [count, last] = [count + 1, event];
      if (!('kind' in event) || event.kind !== 'MessageSent') return;
      const { conversationId, sequence } = event.message;
      sequences.set(conversationId, [...(sequences.get(conversationId) ?? []), sequence]);
    },
    end: (error) => ends.push(error),
    withdraw: () => undefined,
    isCongested: () => count >= room,
    onRoom(more) {
      // A turn that has ended waits as well, and there is room.
      if (count < room) more();
      else waiting.add(more);
      return () => void waiting.delete(more);
    },
  });
  for (;;) {
    for (let n = 0; n < 20; n += 1) await turn();
    // What waits for a moment waits no longer.
    clock.advance(1);
    const event = last as InboxStreamEvent | null;
    if (event && 'kind' in event && event.kind === 'Checkpoint') {
      expect(ends).toHaveLength(0);
      await stream.return();
      const { points, ...position } = event.position;
      return { sequences, isOver: event.isLive, mostHeld, resume: { ...position, pointOf: (id) => points.get(id) } };
    }
    if (count < room) continue;
    mostHeld = Math.max(mostHeld, held());
    room = count + PAUSE_EVENTS;
    const due = [...waiting];
    waiting.clear();
    for (const more of due) more();
  }
}

describe.each([
  ['SQLite', (clock: TestClock) => openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock })],
  ['Redis', (clock: TestClock) => openEngineOn(sharedRedisUrl(), { prefix: `away-${newConversationId()}`, clock })],
] as const)('a long absence: %s', (_, open) => {
  it('G19: everything missed is delivered in order, and the live checkpoint comes last', async () => {
    const clock = new TestClock();
    const steady = await open(clock);
    const { engine, held } = noting(steady);
    const options = { clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 };
    const delivery = createDelivery({ ...options, engine });
    const ids: ConversationId[] = [];
    for (let n = 0; n < CONVERSATIONS; n += 1) ids.push(await createGroup(steady, alice, bob));
    clock.advance(10 * TIMES.clocksApartMs);
    const { resume } = await readUntilLive(delivery, clock, null, held);
    const due = new Map<ConversationId, number[]>();
    for (let n = 0; n < MESSAGES; n += 1) {
      // Some conversations have many, most have few.
      const id = ids[Math.floor((n * n) / 7) % CONVERSATIONS] as ConversationId;
      await steady.appendMessage(tenant, text(id, alice, `${n} `.padEnd(LENGTH, 'x')));
      const sequences = due.get(id) ?? [];
      due.set(id, [...sequences, sequences.length + 1]);
    }
    const { sequences, isOver, mostHeld } = await readUntilLive(delivery, clock, resume, held);
    expect([sequences, isOver]).toEqual([due, true]);
    expect(mostHeld).toBeLessThan(LIMITS.sharedLogCharacters + 3 * LIMITS.bufferedLogCharacters);
    expect(mostHeld).toBeLessThan((MESSAGES * LENGTH) / 2);
    delivery.close();
    await steady.close();
  });
});
