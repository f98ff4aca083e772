/** Redis and the way to it fail under load: at every subscriber nothing missing, nothing twice, in order. */
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Load, post, tokenOf } from './load.ts';
import { createRandom } from './random.ts';
import { SEEDS, SIZE, TEST_MS } from './settings.ts';
import { type FaultWorld, startWorld } from './world.ts';

describe.each(SEEDS)('faults of Redis, seed %i', (seed) => {
  let world: FaultWorld;
  let load: Load;

  const begin = async (...settings: string[]): Promise<void> => {
    world = await startWorld(...settings);
    load = await Load.start(world.nodes, createRandom(seed));
  };
  afterEach(async () => {
    await load.close();
    await world.close();
  });
  const closes = (): number[] => load.history.heard.flatMap((heard) => heard.closes);

  async function killEvery200ms(type: 'pubsub' | 'normal'): Promise<number> {
    const redis = new Redis(world.redis.url);
    let killed = 0;
    for (const end = Date.now() + SIZE.faultMs; Date.now() < end; await wait(200))
      killed += Number(await redis.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'));
    redis.disconnect();
    return killed;
  }

  it(
    'G05: what is sent while subscriber connections are killed arrives whole',
    async () => {
      await begin();
      expect(await killEvery200ms('pubsub')).toBeGreaterThan(2);
      expect(await load.verdict()).toEqual([]);
      expect(closes()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'G02: what is sent while command connections are killed is stored once',
    async () => {
      await begin();
      expect(await killEvery200ms('normal')).toBeGreaterThan(2);
      expect(await load.verdict()).toEqual([]);
      expect(closes()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'G14: while Redis stands still writes fail within 2 s and sockets stay; then everything goes on',
    async () => {
      await begin();
      const token = await tokenOf('writer');
      world.redis.process.kill('SIGSTOP');
      const until = Date.now() + SIZE.stopMs;
      const input = { conversationId: load.places[0]?.id, content: 'never', clientMessageId: 'never' };
      const send = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id conversationId sequence position clientMessageId } }`;
      const answer = post(world.nodes[1]?.url ?? '', token, send, { input });
      const { errors } = await Promise.race([answer, wait(2_500, { errors: [] })]);
      expect(errors[0]?.extensions).toEqual({ code: 'SERVICE_UNAVAILABLE', retryAfterMs: expect.any(Number) });
      await wait(Math.max(until - Date.now(), 0));
      world.redis.process.kill('SIGCONT');
      await load.goesOn();
      // Its outcome was unknown: asked again under the same key, it is known.
      const { data } = await post(world.nodes[0]?.url ?? '', token, send, { input });
      load.history.acknowledged.push(data.sendMessage);
      expect(await load.verdict()).toEqual([]);
      expect(closes()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'G01: Redis with `appendfsync always`, killed and started again, has lost nothing',
    async () => {
      await begin('--appendonly', 'yes', '--appendfsync', 'always');
      await world.redis.restart();
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
      expect(closes()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'G07: a network that goes silent without closing is noticed, and everyone is at the head again',
    async () => {
      await begin();
      // What is written now goes past the silent network: only noticing it tells the first node of the last of it.
      load.endpoints.shift();
      await load.goesOn();
      expect(world.network.silence()).toBeGreaterThan(1);
      expect(await load.verdict()).toEqual([]);
      expect(closes()).toEqual([]);
    },
    TEST_MS,
  );
});
