/** The checks of Redis at the start of the service. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { readConfig } from '../../src/config.ts';
import { LEAST_RIGHTS } from '../../src/engine/redis/permissions.ts';
import { SCHEMA } from '../../src/engine/redis/schema.ts';
import { TIMES } from '../../src/limits.ts';
import { startService } from '../../src/service.ts';
import { certainly } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET, startTestService } from '../support/service.ts';
import { beginService } from '../support/starting.ts';
import { TestClock } from '../support/test-clock.ts';

const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { sequence } }';

describe('the check of Redis at the start', () => {
  const servers: RedisServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  /** Starts a service on such a Redis; answers what it logged, or rejects with why it did not start. */
  async function start(settings: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const redis = await startRedisServer(...settings);
    servers.push(redis);
    return startOn(redis.url, env);
  }

  async function startOn(url: string, env: Record<string, string> = {}): Promise<string> {
    const { log, text } = captureLog('warn');
    const config = readConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      JWT_SECRET: SECRET,
      REDIS_URL: url,
      REDIS_PREFIX: randomUUID().slice(0, 8),
      DRAIN_WINDOW: '0ms',
      ...env,
    });
    await (await startService(config, log, { clock: new TestClock() })).close();
    return text();
  }

  it('F16: an eviction policy is refused by name, or only warned of when so configured', async () => {
    const settings = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
    await expect(start(settings)).rejects.toThrow(/maxmemory-policy is allkeys-lru; wanted: noeviction.*G01/s);
    expect(await start(settings, { REDIS_CHECKS: 'warn' })).toContain('allkeys-lru');
  });

  it('F49: data of a newer schema is refused by name; the first start records its schema', async () => {
    const redis = await startRedisServer();
    servers.push(redis);
    const env = { REDIS_PREFIX: 'of-schema' };
    await startOn(redis.url, env);
    const client = new Redis(redis.url);
    expect(await client.get('of-schema:schema')).toBe(String(SCHEMA));
    await client.set('of-schema:schema', SCHEMA + 1);
    await expect(startOn(redis.url, env)).rejects.toThrow(
      `newer release: schema ${SCHEMA + 1}; this release supports ${SCHEMA}`,
    );
    client.disconnect();
  });

  it('a setting that weakens a guarantee is warned of; correct settings are not mentioned', async () => {
    const weak = await start(['--timeout', '300', '--client-output-buffer-limit', 'pubsub 1mb 1mb 60']);
    for (const setting of ['save', 'client-output-buffer-limit', 'timeout']) expect(weak).toContain(`"${setting}"`);
    expect(await start(['--save', '60 1'])).toContain('"appendonly"');
    expect(await start(['--appendonly', 'yes'])).toBe('');
  });

  /** A Redis with a user of its own; answers the URL of that user. */
  async function withUser(rights: string, ...settings: string[]): Promise<string> {
    const redis = await startRedisServer(...settings);
    servers.push(redis);
    const client = new Redis(redis.url);
    await client.call('ACL', 'SETUSER', 'app', 'on', '>pass', ...rights.split(' '));
    client.disconnect();
    return redis.url.replace('//', '//app:pass@');
  }

  it('F47: where CONFIG is forbidden, INFO reveals what breaks a guarantee', async () => {
    const rights = '~* &* +@all -config';
    expect(await startOn(await withUser(rights, '--appendonly', 'yes'))).toBe('');
    const evicting = await withUser(rights, '--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru');
    await expect(startOn(evicting)).rejects.toThrow(/maxmemory-policy is allkeys-lru/);
  });

  it('the documented rights are sufficient, each is needed, and a missing one is named', async () => {
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    expect(page).toContain(LEAST_RIGHTS);
    const env = { REDIS_PREFIX: 'rt' };
    const url = await withUser(LEAST_RIGHTS, '--appendonly', 'yes');
    const service = await startTestService({ env: { ...env, REDIS_URL: url } });
    await certainly(service, 'alice', CREATE);
    const alice = await service.connect('alice');
    const heard = await alice.subscribe('subscription { messageReceived { sequence } }');
    expect((await service.query('alice', SEND)).errors).toBeUndefined();
    await eventually(() => expect(heard.events).toHaveLength(1));
    expect((await (await fetch(`${service.url}/health/ready`)).json()) as object).toMatchObject({ status: 'ok' });
    await alice.close();
    await service.close();
    const without: readonly (readonly [string, RegExp])[] = [
      ['&rt:*', /may not run (SSUBSCRIBE|SPUBLISH)/],
      ['+info', /may not run INFO/],
      ['+ping', /may not run PING/],
      ['+time', /may not run TIME/],
      ['+@scripting', /may not run EVAL/],
      ['+@pubsub', /may not run SSUBSCRIBE/],
      ['+@write', /may not run SET/],
      ['~rt:*', /may not run SET/],
    ];
    for (const [right, message] of without) {
      const rights = `resetchannels ${LEAST_RIGHTS.replace(`${right} `, '')}`;
      const starting = await beginService({ ...env, REDIS_URL: await withUser(rights) });
      await eventually(() => expect(starting.said().join()).toMatch(message));
      await starting.end();
    }
  });

  it('F47: an eviction policy changed at run time is noticed within a minute, and readiness names it', async () => {
    const redis = await startRedisServer();
    servers.push(redis);
    const { log, logged } = captureLog('warn');
    const service = await startTestService({ env: { REDIS_URL: redis.url }, log });
    const admin = new Redis(redis.url);
    const ready = async (): Promise<Response> => fetch(`${service.url}/health/ready`);
    expect((await ready()).status).toBe(200);
    await admin.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
    service.clock.advance(TIMES.requirementsMs);
    await eventually(async () => expect((await ready()).status).toBe(503));
    await logged('Redis setting weakens a guarantee', [{ setting: 'save' }, { found: 'allkeys-lru' }]);
    const detailed = await (await fetch(`${service.url}/health/detailed`)).text();
    expect(detailed).toContain('maxmemory-policy is allkeys-lru');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    service.clock.advance(TIMES.requirementsMs);
    await eventually(async () => expect((await ready()).status).toBe(200));
    admin.disconnect();
    await service.close();
  });
});
