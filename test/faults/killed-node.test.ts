/** A node dies under load; its clients go on at the other. */
import { randomUUID } from 'node:crypto';
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET } from '../support/service.ts';
import { type Endpoint, Load } from './load.ts';
import { createRandom } from './random.ts';
import { SEEDS, TEST_MS } from './settings.ts';

describe.each(SEEDS)('a killed node, seed %i', (seed) => {
  let redis: RedisServer;
  const programs: Program[] = [];
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.stop('SIGKILL');
    await redis.stop();
  });

  it(
    'G06: clients of a node killed by SIGKILL resume at the other, nothing missing, nothing twice',
    async () => {
      redis = await startRedisServer();
      const env = {
        HOST: '127.0.0.1',
        REDIS_URL: redis.url,
        REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}`,
        JWT_SECRET: SECRET,
        RATE_LIMIT_ENABLED: 'false',
      };
      const endpoints: Endpoint[] = [];
      for (let n = 0; n < 2; n += 1) {
        const port = await freePort();
        programs.push(await startProgram('src/main.ts', { ...env, PORT: String(port) }, /service started/));
        endpoints.push({ url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}/graphql` });
      }
      const load = await Load.start(endpoints, createRandom(seed));
      try {
        load.endpoints.shift();
        await programs[0]?.stop('SIGKILL');
        await load.goesOn();
        expect(await load.verdict()).toEqual([]);
        expect(load.history.heard.filter(({ closes }) => closes.length > 0)).not.toEqual([]);
      } finally {
        await load.close();
      }
    },
    TEST_MS,
  );
});
