/** Subscriptions that come and go leave nothing behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import type { TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { SIZE, TEST_MS } from './settings.ts';
import { type FaultWorld, startWorld } from './world.ts';

const MIB = 1024 * 1024;
const CROWD = 50;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const MOST_GROWTH_MIB = 30;

describe('subscribe and complete', () => {
  let world: FaultWorld;
  let alice: TestClient;
  let redis: Redis;
  beforeAll(async () => {
    world = await startWorld();
    redis = new Redis(world.redis.url);
    alice = (await world.nodes[0]?.connect('alice')) as TestClient;
    await alice.query('mutation { createConversation(input: {id: "busy"}) { id } }');
  });
  afterAll(async () => {
    redis.disconnect();
    await alice.close();
    await world.close();
  });

  const cycle = async (): Promise<void> => {
    const some = Array.from({ length: CROWD }, () =>
      alice.client.subscribe(
        { query: 'subscription { messageReceived(conversationIds: ["busy"]) { id } }' },
        { next: () => undefined, error: () => undefined, complete: () => undefined },
      ),
    );
    await alice.query('{ __typename }');
    for (const stop of some) stop();
  };
  /** In use, without what is only waiting to be collected. */
  const heap = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const timers = (): number => world.nodes[0]?.clock.pending ?? Number.NaN;
  const channels = async (): Promise<number> =>
    ((await redis.pubsub('SHARDCHANNELS')) as string[]).length + ((await redis.pubsub('CHANNELS')) as string[]).length;

  it(
    `G10, W76: ${SIZE.cycles} cycles leave heap, timers and Redis subscriptions unchanged`,
    async () => {
      for (let n = 0; n < 10; n += 1) await cycle();
      await alice.query('{ __typename }');
      const before = { heap: heap(), timers: timers(), channels: await eventually(channels) };
      for (let n = 0; n < SIZE.cycles; n += CROWD) await cycle();
      await alice.query('{ __typename }');
      await eventually(async () => expect(await channels()).toBeLessThanOrEqual(before.channels));
      await eventually(() => expect(timers()).toBeLessThanOrEqual(before.timers + 10));
      expect(heap() - before.heap).toBeLessThan(MOST_GROWTH_MIB * MIB);
    },
    TEST_MS,
  );
});
