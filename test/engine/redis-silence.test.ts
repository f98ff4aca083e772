/** Connections to a Redis that sends nothing. */
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { closedWhenSilent } from '../../src/engine/redis/silent-server.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';

const SILENT_MS = 400;

/** Nothing of this process runs meanwhile, as during a long garbage collection. */
const stall = (ms: number): string => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('a connection that is closed when its server is silent', () => {
  let redis: RedisServer;
  let other: RedisServer;
  const clients: Redis[] = [];
  beforeAll(async () => {
    [redis, other] = await Promise.all([startRedisServer(), startRedisServer()]);
  });
  afterAll(async () => {
    for (const client of clients) client.disconnect();
    await Promise.all([redis.stop(), other.stop()]);
  });

  async function connected(server: RedisServer): Promise<Redis> {
    const options = { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null };
    const client = closedWhenSilent(new Redis(server.url, options), SILENT_MS);
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    return client;
  }

  it('G14: stays open through a stall of this process, after which the answers wait to be read', async () => {
    const client = await connected(redis);
    for (let n = 1; n <= 3; n += 1) {
      const answer = client.incr('n');
      // The command is sent.
      await turn();
      await turn();
      stall(SILENT_MS * 2);
      expect(await answer).toBe(n);
    }
  });

  it('G14: is closed while a command waits; one that waits for nothing is not, nor one whose server answers', async () => {
    const [silent, idle, busy] = [await connected(redis), await connected(redis), await connected(other)];
    redis.process.kill('SIGSTOP');
    let isClosed = false;
    silent.once('close', () => {
      isClosed = true;
    });
    const lost = silent.incr('n').then(
      () => 'answered',
      () => 'lost',
    );
    while (!isClosed) await busy.ping();
    expect(await lost).toBe('lost');
    expect([idle.status, busy.status]).toEqual(['ready', 'ready']);
    redis.process.kill('SIGCONT');
    expect(await idle.ping()).toBe('PONG');
  });
});
