/** A subscriber that resumes a topic at a position, while publications arrive and the engine fails (G05, G06, G14). */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { isPast } from '../../src/delivery/past.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Position, PublicationId, Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, silentLog, subscribeRight, tenant, viewerOf } from '../support/world.ts';

const TOPIC = 'news' as Topic;
const PAGE = LIMITS.publicationsPerPage;

/** An engine on which the answers of `readTopic` can be held. */
function holding(engine: Engine) {
  let gate: Promise<void> = Promise.resolve();
  let spared = 0;
  let count = 0;
  const held = new Proxy(engine, {
    get(target, name) {
      const operation = Reflect.get(target, name) as unknown;
      if (name !== 'readTopic' || typeof operation !== 'function') return operation;
      return async (...args: unknown[]) => {
        count += 1;
        const answer = await operation.apply(target, args);
        if (spared > 0) spared -= 1;
        else await gate;
        return answer;
      };
    },
  });
  return {
    engine: held,
    get count() {
      return count;
    },
    /** All but the next answer, until it is released. */
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      spared = 1;
      gate = promise;
      return resolve;
    },
  };
}

function open() {
  const clock = new TestClock();
  const steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  const flaky = unsteady(steady);
  const reads = holding(flaky.engine);
  const counted: string[] = [];
  const delivery = createDelivery({
    engine: reads.engine,
    clock,
    log: silentLog,
    countGap: () => undefined,
    countResume: (outcome) => counted.push(outcome),
    streamMergeMs: 40,
  });
  let count = 0;
  const publish = async (topic = TOPIC): Promise<Position> => {
    count += 1;
    const id = `p${count}` as PublicationId;
    const published = await steady.publish(tenant, { id, topic, payload: count, senderId: alice });
    if (published.outcome !== 'published') throw new Error(published.outcome);
    return published.publication.position;
  };
  /** Room for so many events until more is given. */
  const listen = async (after: Position | null, room = Number.POSITIVE_INFINITY) =>
    listenToAll(new Map(after ? [[TOPIC, after]] : []), room);
  const listenToAll = async (from: ReadonlyMap<Topic, Position>, room: number) => {
    const topics = from.size > 0 ? [...from.keys()] : [TOPIC];
    const stream = await delivery.topicPublished(fixedBearer(viewerOf(bob)), subscribeRight(topics), from);
    const heard: unknown[] = [];
    /** Of these the age is not a latency. */
    const past: unknown[] = [];
    let left = room;
    let resume = (): void => undefined;
    stream.pipe({
      push: (event) => {
        heard.push(event.payload);
        if (isPast(event)) past.push(event.payload);
        left -= 1;
      },
      end: (error) => void heard.push(error?.code),
      withdraw: () => undefined,
      isCongested: () => left <= 0,
      onRoom: (more) => {
        resume = more;
        if (left > 0) more();
        return () => undefined;
      },
    });
    const makeRoom = (more: number): void => {
      left = more;
      resume();
    };
    return { heard, past, stream, makeRoom };
  };
  const close = async (): Promise<void> => {
    delivery.close();
    await steady.close();
  };
  return { clock, flaky, reads, counted, publish, listen, listenToAll, close };
}

const upTo = (last: number): number[] => Array.from({ length: last - 1 }, (_, n) => n + 2);

describe('a subscriber that resumes a topic', () => {
  it('goes live only with everything its channel has delivered', async () => {
    const { reads, publish, listen, close } = open();
    const first = await publish();
    await publish();
    const { heard: live } = await listen(null);
    // The first answer says that the position is good.
    const release = reads.hold();
    const { heard } = await listen(first);
    for (let n = 0; n < 5; n += 1) await turn();
    // The page is read, and its answer is on its way.
    await publish();
    await eventually(() => expect(live).toEqual([3]));
    release();
    await eventually(() => expect(heard).toEqual([2, 3]));
    await close();
  });

  it('reads no page while it has no room', async () => {
    const { reads, publish, listen, close } = open();
    const first = await publish();
    await publish();
    const { heard, makeRoom } = await listen(first, 0);
    for (let n = 0; n < 5; n += 1) await turn();
    const before = reads.count;
    for (let n = 0; n < 5; n += 1) await turn();
    expect([reads.count, heard]).toEqual([before, []]);
    makeRoom(1);
    await eventually(() => expect(heard).toEqual([2]));
    await close();
  });

  it('is counted as resumed or as expired', async () => {
    const { counted, publish, listen, close } = open();
    const first = await publish();
    await listen(null);
    expect(counted).toEqual([]);
    await listen(first);
    await expect(listen({ ...first, epoch: 'of another log' })).rejects.toMatchObject({ code: 'POSITION_EXPIRED' });
    expect(counted).toEqual(['resumed', 'expired']);
    await close();
  });

  it('receives as past what is replayed, and nothing that is live', async () => {
    const { publish, listen, close } = open();
    const first = await publish();
    await publish();
    const { heard, past } = await listen(first);
    await eventually(() => expect(heard).toEqual([2]));
    await publish();
    await eventually(() => expect(heard).toEqual([2, 3]));
    expect(past).toEqual([2]);
    await close();
  });

  it('receives nothing twice from a channel that is behind', async () => {
    const { flaky, publish, listen, close } = open();
    const first = await publish();
    const { heard: live } = await listen(null);
    flaky.cut();
    await publish();
    await publish();
    const { heard } = await listen(first);
    await eventually(() => expect(heard).toEqual([2, 3]));
    flaky.heal();
    await eventually(() => expect(live).toEqual([2, 3]));
    await publish();
    await eventually(() => expect(heard).toEqual([2, 3, 4]));
    await close();
  });

  it('retries each page until the engine answers', async () => {
    for (let skipped = 0; skipped < 5; skipped += 1) {
      const { clock, flaky, publish, listen, close } = open();
      const first = await publish();
      const last = PAGE * 3 + 1;
      for (let n = 2; n <= last; n += 1) await publish();
      const { heard, makeRoom } = await listen(first, 0);
      flaky.fail(2, skipped);
      makeRoom(Number.POSITIVE_INFINITY);
      await eventually(() => {
        clock.advance(1_000);
        expect(heard).toEqual(upTo(last));
      });
      await close();
    }
  });

  it('receives no more than it has room for, and ends when the rest is no longer kept', async () => {
    const { publish, listen, close } = open();
    const first = await publish();
    for (let n = 0; n < PAGE; n += 1) await publish();
    const { heard, makeRoom } = await listen(first, 3);
    await eventually(() => expect(heard).toEqual([2, 3, 4]));
    for (let n = 0; n < 5; n += 1) await turn();
    expect(heard).toEqual([2, 3, 4]);
    makeRoom(1);
    await eventually(() => expect(heard).toEqual([2, 3, 4, 5]));
    for (let n = 0; n < LIMITS.publicationsPerTopic; n += 1) await publish();
    makeRoom(1);
    await eventually(() => expect(heard.at(-1)).toBe('POSITION_EXPIRED'));
    await close();
  });

  it('holds no more of many topics than of one, and receives all of each in the end', async () => {
    const { publish, listenToAll, close } = open();
    const topics = Array.from({ length: 20 }, (_, n) => `topic-${n}` as Topic);
    const from = new Map<Topic, Position>();
    for (const topic of topics) from.set(topic, await publish(topic));
    for (const topic of topics) await publish(topic);
    const { heard, makeRoom } = await listenToAll(from, 1);
    await eventually(() => expect(heard).toHaveLength(1));
    for (let n = 0; n < 5; n += 1) await turn();
    expect(heard).toHaveLength(1);
    await eventually(() => {
      makeRoom(1);
      expect(heard.toSorted((a, b) => Number(a) - Number(b))).toEqual(topics.map((_, n) => n + 21));
    });
    await close();
  });
});
