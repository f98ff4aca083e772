/** What the service finds wrong with a Redis. */
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { findingsOf, type RedisMemory, Requirements } from '../../src/engine/redis/requirements.ts';
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { StillClock } from '../support/still-clock.ts';
import { silentLog } from '../support/world.ts';

const MIB = 1024 * 1024;
const GOOD = {
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
  appendonly: 'yes',
  save: '3600 1',
  'client-output-buffer-limit': 'normal 0 0 0 slave 256 64 60 pubsub 33554432 8388608 60',
  timeout: '0',
};
const found = (settings: Partial<typeof GOOD>): string[] =>
  findingsOf(new Map(Object.entries({ ...GOOD, ...settings }))).map(({ kind, setting }) => `${kind} ${setting}`);

describe('the findings', () => {
  const pubsub = (hard: number) => ({ 'client-output-buffer-limit': `normal 0 0 0 pubsub ${hard} ${hard} 60` });

  it.each([
    [{}, []],
    [{ maxmemory: '1', 'maxmemory-policy': 'allkeys-lru' }, ['refuse maxmemory-policy']],
    [{ 'maxmemory-policy': 'volatile-ttl' }, ['warn maxmemory-policy']],
    [{ maxmemory: '1' }, []],
    [{ 'maxmemory-policy': '' }, []],
    [{ appendonly: 'no' }, ['warn appendonly']],
    [{ appendonly: 'no', save: '' }, ['warn save']],
    [{ save: '' }, []],
    [pubsub(0), ['warn client-output-buffer-limit']],
    [pubsub(8 * MIB - 1), ['warn client-output-buffer-limit']],
    [pubsub(8 * MIB), []],
    [{ 'client-output-buffer-limit': '' }, []],
    [{ timeout: '300' }, ['warn timeout']],
    [{ timeout: '' }, []],
    [{ appendonly: 'no', timeout: '1' }, ['warn appendonly', 'warn timeout']],
  ] as const)('of %j are %j', (settings, findings) => {
    expect(found(settings)).toEqual(findings);
  });
});

describe('the checks of a server', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedisServer('--appendonly', 'yes');
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    client = new Redis(server.url);
  });
  afterEach(async () => {
    await client.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
    client.disconnect();
  });
  const evict = (): Promise<unknown> => client.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');

  it('refuse what breaks a guarantee, by its name and value; not where it is only to be warned of', async () => {
    const strict = new Requirements(client, true, silentLog, () => undefined);
    const lenient = new Requirements(client, false, silentLog, () => undefined);
    await Promise.all([strict.enforce(), lenient.enforce()]);
    expect([strict.fault, lenient.fault]).toEqual([null, null]);
    await evict();
    await client.config('SET', 'timeout', '300');
    // A setting that is only warned of is not among them.
    await expect(strict.enforce()).rejects.toThrow(
      /^Redis is not set up [^\n]*\n {2}maxmemory-policy is allkeys-lru; wanted[^\n]*$/,
    );
    await client.config('SET', 'timeout', '0');
    await lenient.enforce();
    expect(strict.fault).toMatch(/^maxmemory-policy is allkeys-lru; wanted: noeviction/);
    expect(lenient.fault).toBeNull();
  });

  it('log each finding once for as long as it lasts, and again after it was mended', async () => {
    const { log, lines } = captureLog('warn');
    const requirements = new Requirements(client, true, log, () => undefined);
    await requirements.check();
    expect(lines()).toEqual([]);
    await evict();
    for (let n = 0; n < 3; n += 1) await requirements.check();
    expect(lines()).toMatchObject([{ setting: 'maxmemory-policy' }]);
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await requirements.check();
    await evict();
    await requirements.check();
    expect(lines()).toHaveLength(2);
  });

  it('find the same settings in INFO where CONFIG is forbidden', async () => {
    await client.call('ACL', 'SETUSER', 'app', 'on', '>pass', '~*', '&*', '+@all', '-config');
    const limited = new Redis(server.url.replace('//', '//app:pass@'));
    const { log, lines } = captureLog('warn');
    const requirements = new Requirements(limited, true, log, () => undefined);
    await requirements.check();
    expect(lines()).toEqual([]);
    await client.config('SET', 'appendonly', 'no');
    await requirements.check();
    expect(lines()).toMatchObject([{ setting: 'appendonly', found: 'no' }]);
    await evict();
    await requirements.check();
    expect(lines().slice(1)).toMatchObject([{ setting: 'maxmemory-policy', found: 'allkeys-lru' }]);
    expect(requirements.fault).toMatch(/^maxmemory-policy is allkeys-lru; wanted: noeviction/);
    await client.config('SET', 'appendonly', 'yes');
    limited.disconnect();
  });

  it('report the memory that is used, and its limit, 0 for none', async () => {
    const memory: RedisMemory[] = [];
    const requirements = new Requirements(client, true, silentLog, (each) => memory.push(each));
    await requirements.check();
    await client.config('SET', 'maxmemory', String(100 * MIB));
    await requirements.check();
    expect(memory.map(({ limit }) => limit)).toEqual([0, 100 * MIB]);
    for (const { used } of memory) expect(used).toBeGreaterThan(100_000);
  });

  it('are made every minute and after each reconnect, until they are stopped', async () => {
    const clock = new StillClock();
    let checks = 0;
    const requirements = new Requirements(client, true, silentLog, () => {
      checks += 1;
    });
    await client.ping();
    const stop = requirements.watch(clock);
    clock.advance(TIMES.requirementsMs - 1);
    clock.advance(1);
    await eventually(() => expect(checks).toBe(1));
    client.disconnect(true);
    await once(client, 'ready');
    await eventually(() => expect(checks).toBe(2));
    stop();
    expect(clock.pending).toBe(0);
    client.disconnect(true);
    await once(client, 'ready');
    // One that begins later ends later.
    await new Requirements(client, true, silentLog, () => undefined).check();
    expect(checks).toBe(2);
  });

  it('a server that is away is checked when it is back', async () => {
    const requirements = new Requirements(
      new Redis({ port: 1, lazyConnect: true, retryStrategy: null }),
      true,
      silentLog,
      () => {
        throw new Error('It was not checked.');
      },
    );
    const clock = new StillClock();
    const stop = requirements.watch(clock);
    clock.advance(TIMES.requirementsMs);
    await expect(requirements.check()).rejects.toThrow();
    stop();
  });
});
