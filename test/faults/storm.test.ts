/** Hundreds of sockets with bad tokens beside good ones, which lose nothing. */
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Program } from '../support/process.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { type Endpoint, Load } from './load.ts';
import { createRandom } from './random.ts';
import { SEEDS, SIZE, TEST_MS } from './settings.ts';

const BATCH_MS = 20;

/** Opens a socket with a token that is none, on either endpoint; the code it is closed with. */
function intrude(url: string, isRaw: boolean): Promise<number> {
  const socket = isRaw
    ? new WebSocket(`${url.replace('/graphql', '/ws')}?token=x.y.z`)
    : new WebSocket(url, 'graphql-transport-ws');
  socket.on('open', () => {
    if (!isRaw) socket.send('{"type":"connection_init","payload":{"token":"x.y.z"}}');
  });
  socket.on('error', () => undefined);
  return new Promise((resolve) => socket.on('close', resolve));
}

describe.each(SEEDS)('a storm of bad tokens, seed %i', (seed) => {
  let program: Program;
  let endpoint: Endpoint;
  let load: Load;
  beforeAll(async () => {
    const env = { RATE_LIMIT_ENABLED: 'false', MAX_CONNECTIONS_PER_USER: '10000' };
    const started = await startServiceProcess(env);
    program = started.program;
    endpoint = { url: started.url, wsUrl: `ws://${started.address}/graphql` };
    load = await Load.start([endpoint], createRandom(seed), SIZE.good);
  });
  afterAll(async () => {
    await load.close();
    await program.stop('SIGKILL');
  });

  it(
    `F38: G10: ${SIZE.storm} sockets with bad tokens, ${SIZE.stormPerSecond} a second, beside ${SIZE.good} good ones`,
    async () => {
      const codes: Promise<number>[] = [];
      const batch = (SIZE.stormPerSecond * BATCH_MS) / 1_000;
      while (codes.length < SIZE.storm) {
        for (let n = 0; n < batch; n += 1) codes.push(intrude(endpoint.wsUrl, n % 2 === 0));
        await wait(BATCH_MS);
      }
      // Who does not answer the close in time is cut off.
      expect((await Promise.all(codes)).filter((code) => code !== 4401 && code !== 1006)).toEqual([]);
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
      expect(load.closes()).toEqual([]);
    },
    TEST_MS,
  );
});
