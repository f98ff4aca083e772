/** The connections to Redis: how they begin again, and what they are opened with. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, ReplyError } from 'ioredis';
import {
  connect,
  loginOf,
  openCommandClient,
  openSubscriberClient,
  retryStrategy,
  tlsOf,
} from '../../src/engine/redis/client.ts';
import { isDemoted, isRedisOutage } from '../../src/engine/redis/outage.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { redisAddress } from '../support/redis-address.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';

const ADDRESS = redisAddress('redis://127.0.0.1:1');

it('the wait before the next attempt doubles up to two seconds, each time of a random part of it', () => {
  const expected = [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000];
  for (const [index, most] of expected.entries()) {
    const waits = Array.from({ length: 200 }, () => retryStrategy(index + 1));
    expect(Math.max(...waits)).toBeLessThan(most);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(most / 2);
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(most / 4);
  }
});

it('a login has only what is given, and TLS only where the URL asks for it', () => {
  expect(loginOf(ADDRESS)).toEqual({});
  expect(loginOf({ ...ADDRESS, password: 'secret' })).toEqual({ password: 'secret' });
  expect(loginOf({ ...ADDRESS, username: 'app', password: 'secret' })).toEqual({ username: 'app', password: 'secret' });
  const dir = mkdtempSync(join(tmpdir(), 'tls-'));
  const file = (name: string): string => {
    writeFileSync(join(dir, name), name);
    return join(dir, name);
  };
  const files = { caFile: file('ca'), certFile: file('cert'), keyFile: file('key') };
  expect(tlsOf({ ...ADDRESS, ...files })).toBeUndefined();
  expect(tlsOf({ ...ADDRESS, isEncrypted: true })).toEqual({});
  const options = tlsOf({ ...ADDRESS, ...files, isEncrypted: true });
  expect([options?.ca, options?.cert, options?.key].map(String)).toEqual(['ca', 'cert', 'key']);
  rmSync(dir, { recursive: true });
});

it('a server is away when it does not answer, or says that it cannot serve; another may then be the primary', () => {
  const reply = (text: string): Error => new ReplyError(text);
  const away = [
    'LOADING it',
    'BUSY it',
    'CLUSTERDOWN it',
    'MASTERDOWN it',
    'TRYAGAIN it',
    'READONLY it',
    '-READONLY it',
  ];
  expect(away.filter((text) => !isRedisOutage(reply(text)))).toEqual([]);
  expect(
    ['OOM it', 'WRONGTYPE it', 'NOPERM it', 'it is BUSY now'].filter((text) => isRedisOutage(reply(text))),
  ).toEqual([]);
  expect(isRedisOutage(new Error('Connection is closed.'))).toBe(true);
  expect(away.filter((text) => isDemoted(reply(text)))).toEqual([
    'LOADING it',
    'MASTERDOWN it',
    'READONLY it',
    '-READONLY it',
  ]);
});

describe('a client', () => {
  it('fails commands at once while there is no connection, and says why', async () => {
    const told: unknown[] = [];
    const address = redisAddress(`redis://127.0.0.1:${await freePort()}`);
    const client = openCommandClient(address, (error, role) => told.push([role, (error as { code?: string }).code]));
    await expect(client.get('key')).rejects.toThrow();
    client.connect().catch(() => undefined);
    await eventually(() => expect(told).toContainEqual(['commands', 'ECONNREFUSED']));
    await expect(client.get('key')).rejects.toThrow();
    client.disconnect();
  });

  it('connects again after any end but the one that was asked for', async () => {
    const address = redisAddress(sharedRedisUrl());
    for (const open of [openCommandClient, openSubscriberClient]) {
      const client = open(address, () => undefined);
      await connect(client);
      expect(await client.ping()).toBe('PONG');
      // As when ioredis has given up.
      Redis.prototype.disconnect.call(client, false);
      await eventually(() => expect(client.status).toBe('end'));
      await eventually(async () => expect(await client.ping()).toBe('PONG'));
      client.disconnect(true);
      await eventually(async () => expect(await client.ping()).toBe('PONG'));
      client.disconnect();
      await eventually(() => expect(client.status).toBe('end'));
      const other = open(address, () => undefined);
      // Two waits of another are longer than its one would be.
      for (let n = 0; n < 2; n += 1) {
        await connect(other);
        Redis.prototype.disconnect.call(other, false);
        await eventually(() => expect(other.status).toBe('end'));
        await eventually(async () => expect(await other.ping()).toBe('PONG'));
      }
      other.disconnect();
      expect(client.status).toBe('end');
    }
  });

  it('is ready once it is connected, also if it was before', async () => {
    const client = openCommandClient(redisAddress(sharedRedisUrl()), () => undefined);
    await Promise.all([connect(client), connect(client)]);
    expect(client.status).toBe('ready');
    await connect(client);
    client.disconnect();
  });
});
