/** Redis restarts with data that takes a while to load, and answers LOADING meanwhile. */
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startProgram } from '../support/process.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { Load, post, tokenOf } from './load.ts';
import { measured } from './measured.ts';
import { createRandom } from './random.ts';
import { SEEDS, TEST_MS } from './settings.ts';
import { type FaultWorld, startWorld } from './world.ts';

/** Each takes so long to load, until the test has seen what it wants to see: a client waits as long as Redis estimates. */
const KEY_DELAY_US = 1_000;
const KEYS = 5_000;
const DELAYED = ['--key-load-delay', String(KEY_DELAY_US), '--loading-process-events-interval-bytes', '1024'];
const STORED = [...DELAYED, '--appendonly', 'yes', '--appendfsync', 'always'];
const SEND = 'mutation { sendMessage(input: {conversationId: "nowhere", content: "x"}) { id } }';
/** Each of a node's connections tries again after 50 ms, 100 ms and so on up to 2 s: at once, and a second, at most. */
const MOST_CONNECTIONS = 10;
const mostConnections = (ms: number): number => MOST_CONNECTIONS * (1 + ms / 1_000);

describe.each(SEEDS)('Redis loads its data, seed %i', (seed) => {
  /** Puts keys into the file that is loaded first. */
  async function fill({ url }: RedisServer): Promise<void> {
    const redis = new Redis(url);
    const flat = Array.from({ length: KEYS }, (_, n) => [`filler-${n}`, 'x'.repeat(200)]).flat();
    await redis.mset(...flat);
    await redis.bgrewriteaof();
    await eventually(async () => expect(await redis.info('persistence')).toMatch(/aof_last_rewrite_time_sec:\d/));
    redis.disconnect();
  }

  /** A connection to a server that loads. */
  async function reach({ port }: RedisServer): Promise<Redis> {
    const redis = new Redis(port, { enableReadyCheck: false, retryStrategy: () => 10, maxRetriesPerRequest: null });
    redis.on('error', () => undefined);
    await eventually(() => expect(redis.ping()).rejects.toThrow('LOADING'));
    return redis;
  }

  /** What is left to load is loaded at once. */
  async function hurry(redis: Redis): Promise<void> {
    await redis.config('SET', 'key-load-delay', '0');
  }

  it(
    'G14, F19: writes fail at once, reconnects are paced, sockets stay open, and everything recovers by itself',
    async () => {
      const world: FaultWorld = await startWorld({ redisSettings: STORED });
      const load = await Load.start(world.nodes, createRandom(seed));
      try {
        await fill(world.redis);
        const before = world.network.accepted;
        const startedAt = performance.now();
        const restarted = world.redis.restart();
        const redis = await reach(world.redis);
        const token = await tokenOf('writer');
        const { url = '' } = world.nodes[1] ?? {};
        const refused: number[] = [];
        while (refused.length < 5) {
          const askedAt = performance.now();
          const { errors } = await post(url, token, SEND, {});
          expect(errors[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
          refused.push(performance.now() - askedAt);
        }
        expect(await (await fetch(`${url}/metrics`)).text()).toContain('realtime_engine_circuit_open 1\n');
        // They did not wait for it.
        await expect(redis.ping()).rejects.toThrow('LOADING');
        await hurry(redis);
        await restarted;
        const loadedMs = performance.now() - startedAt;
        const connections = world.network.accepted - before;
        redis.disconnect();
        await load.goesOn();
        const healedMs = Math.round(performance.now() - startedAt - loadedMs);
        expect(connections).toBeLessThan(mostConnections(loadedMs));
        expect(await load.verdict()).toEqual([]);
        expect(load.closes()).toEqual([]);
        measured(
          'F19',
          `${(loadedMs / 1_000).toFixed(1)} s: writes refused in ${Math.max(...refused).toFixed(0)} ms at most; a node made ${connections} connections; all clients received messages again ${healedMs} ms after it was loaded; no socket closed`,
        );
      } finally {
        await load.close();
        await world.close();
      }
    },
    TEST_MS,
  );

  it(
    'F19: a node that starts meanwhile waits, logs little, and serves once the data is loaded',
    async () => {
      const server = await startRedisServer(...STORED);
      await fill(server);
      const restarted = server.restart();
      const redis = await reach(server);
      const network = await startTcpProxy(server.port);
      const url = `redis://127.0.0.1:${network.port}`;
      const env = { HOST: '127.0.0.1', PORT: String(await freePort()), JWT_SECRET: SECRET, REDIS_URL: url };
      const startedAt = performance.now();
      const starting = startProgram('src/main.ts', env, /service started/);
      await expect(redis.ping()).rejects.toThrow('LOADING');
      await restarted;
      const program = await starting;
      const lines = program.output.split('\n').filter((line) => line.includes('"level":40'));
      expect(lines.length).toBeLessThan(10);
      expect(network.accepted).toBeLessThan(mostConnections(performance.now() - startedAt));
      await program.stop();
      redis.disconnect();
      await network.close();
      await server.stop();
    },
    TEST_MS,
  );
});
