/** Sockets with bad tokens by the hundred, beside good ones: the good ones lose nothing. */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Load } from './load.ts';
import { createRandom, pick, type Random } from './random.ts';
import { SEEDS, SIZE, TEST_MS } from './settings.ts';
import { type FaultWorld, startWorld } from './world.ts';

const BATCH_MS = 20;

/** Opens a socket with a token that is none, on either endpoint; the code it is closed with. */
async function intrude(url: string, isRaw: boolean): Promise<number> {
  const socket = isRaw
    ? new WebSocket(`${url.replace('/graphql', '/ws')}?token=x.y.z`)
    : new WebSocket(url, 'graphql-transport-ws');
  socket.on('open', () => {
    if (!isRaw) socket.send('{"type":"connection_init","payload":{"token":"x.y.z"}}');
  });
  socket.on('error', () => undefined);
  const [code] = await once(socket, 'close');
  return code as number;
}

describe.each(SEEDS)('a storm, seed %i', (seed) => {
  let world: FaultWorld;
  let load: Load;
  let random: Random;
  beforeAll(async () => {
    random = createRandom(seed);
    world = await startWorld();
    load = await Load.start(world.nodes, random, SIZE.good);
  }, TEST_MS);
  afterAll(async () => {
    await load.close();
    await world.close();
  });

  it(
    `G10: ${SIZE.storm} sockets with bad tokens, ${SIZE.stormPerSecond} a second, beside ${SIZE.good} good ones`,
    async () => {
      const codes: Promise<number>[] = [];
      const batch = (SIZE.stormPerSecond * BATCH_MS) / 1_000;
      while (codes.length < SIZE.storm) {
        for (let n = 0; n < batch; n += 1) codes.push(intrude(pick(random, world.nodes).wsUrl, n % 2 === 0));
        await wait(BATCH_MS);
      }
      expect(new Set(await Promise.all(codes))).toEqual(new Set([4401]));
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
      expect(load.history.heard.flatMap(({ closes }) => closes)).toEqual([]);
    },
    TEST_MS,
  );
});
