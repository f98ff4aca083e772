/** What the scripts for a user's list of conversations and its log store in Redis, at their bounds. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import type { UserKeys } from '../../src/engine/redis/subject-keys.ts';
import { LIMITS } from '../../src/limits.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { tenant, userId } from '../support/world.ts';
import { scriptsOnRedis } from './scripts-on-redis.ts';

const keys = createKeys(`listed-${randomUUID().slice(0, 8)}`, 0);

/** Changes of membership: whether they may wait, then conversation and note of each. */
const index = (run: RunScript, at: UserKeys, mayWait: boolean, ...changes: readonly (readonly [string, string])[]) =>
  run(
    'index-membership',
    changes.flatMap(() => [...at.list, at.membershipsMark, at.membershipsChannel]),
    [mayWait ? '1' : '0', ...changes.flatMap(([id, note]) => [id, note, 'nonce-of-12'])],
  );

describe('the list of a user', () => {
  const { redis, run } = scriptsOnRedis();
  let at: UserKeys;
  beforeEach(() => {
    at = keys.user(tenant, userId(randomUUID()));
  });

  const keyOf = (name: string): string => at.list.find((key) => key.endsWith(`:${name}`)) ?? '';
  const change = (...changes: readonly (readonly [string, string])[]) => index(run, at, false, ...changes);
  interface Log {
    readonly place: number;
    readonly epoch: string;
    readonly floor: number;
    readonly entries: readonly string[];
  }
  async function log(nonce = 'nonce'): Promise<Log> {
    const [, place, epoch, floor, ...entries] = (await run('read-user-log', at.list, ['0', '2000', nonce])) as [
      string,
      string,
      string,
      string,
      ...string[][],
    ];
    const shown = entries.map(([nth, , id, event]) => `${nth} ${id} ${event}`);
    return { place: Number(place), epoch, floor: Number(floor), entries: shown };
  }

  it('has what was left, up to a number, and not what was joined again', async () => {
    const left = () => redis.zrange(keyOf('left'), '0', '-1');
    await change(['a', '5:1'], ['a', '6:0:L']);
    expect(await left()).toEqual(['a']);
    await change(['a', '7:1']);
    expect([await left(), await redis.hgetall(keyOf('joined'))]).toEqual([[], { a: '7' }]);
    const most = LIMITS.leftConversationsPerUser;
    await redis.zadd(keyOf('left'), ...Array.from({ length: most }, (_, n) => [n, `old-${n}`]).flat());
    await change(['a', '9000:0:L']);
    const kept = await left();
    expect([kept.length, kept[0], kept.at(-1), await redis.exists(keyOf('joined'))]).toEqual([most, 'old-1', 'a', 0]);
  });

  it('is read with its unread messages, what it lacks, and the conversations that are large', async () => {
    await change(['a', '5:1:G:100:7:3:l:'], ['b', '5:1:G:90:2:1:-:']);
    const read = () => run('read-list', at.list, [10, 1, '-', '+']);
    const all = [expect.stringMatching(/^G--u\d+a$/), expect.stringMatching(/^G--u\d+b$/)];
    expect(await read()).toEqual(['5', 0, ['a'], 0, all]);
    // Of an older version, which makes no entry.
    await change(['c', '5:1']);
    expect(await read()).toEqual(['5', -1, ['a'], 0, all]);
    const counted = await run('read-list', at.list, [10, 2, '[G--u', '[G--v', '[D--u', '[D--v', 'G--u', 'D--u']);
    expect(counted).toEqual(['5', -1, ['a'], 2, all, []]);
  });

  it('takes changes that may wait and those that may not in one run in their order', async () => {
    await change(['a', '5:1']);
    const joined = '6:1:G:100:7:3:-:';
    expect(await index(run, at, true, ['a', '7:0:L'], ['b', joined], ['b', '8:0:R'])).toEqual([1, 1, 1]);
    expect((await log()).entries).toEqual(['1 a JOINED', '2 a LEFT', '3 b JOINED', '4 b REMOVED']);
    expect(await redis.exists(at.waiting, at.entries)).toBe(0);
  });

  it('has a log of the latest changes, and says which it dropped', async () => {
    await change(['a', '1:1']);
    const most = LIMITS.userLogEntries;
    await redis.hset(keyOf('log-state'), 'place', most);
    expect(await log()).toMatchObject({ place: most, floor: 0, entries: ['1 a JOINED'] });
    await change(['b', '1:1']);
    expect(await log()).toMatchObject({ place: most + 1, floor: 1, entries: [`${most + 1} b JOINED`] });
    await change(['c', '1:1']);
    expect(await log()).toMatchObject({ floor: 2, entries: [`${most + 1} b JOINED`, `${most + 2} c JOINED`] });
  });

  it('that an older version changed without its log drops the log when it is read, and not before', async () => {
    await change(['a', '1:1']);
    const before = await log();
    expect(await log('another')).toEqual(before);
    await redis.sadd(at.conversations, 'unlogged');
    await change(['b', '2:1']);
    expect(await redis.hmget(keyOf('log-state'), 'place', 'floor')).toEqual(['2', '0']);
    const after = await log();
    expect(after).toEqual({ place: 3, epoch: before.epoch, floor: 3, entries: [] });
    expect(await redis.xlen(keyOf('log'))).toBe(0);
    // Once.
    expect(await log('another')).toEqual(after);
    await change(['b', '3:0:L']);
    expect(await log()).toMatchObject({ epoch: after.epoch, floor: 3, entries: ['4 b LEFT'] });
  });
});

it('F47: a list is read with what waits in it while the memory of the server is full', async () => {
  const server = await startRedisServer('--maxmemory-policy', 'noeviction');
  const redis = new Redis(server.url);
  const run = defineScripts(redis);
  const at = keys.user(tenant, userId('reader'));
  try {
    const joined = (version: number): string => `${version}:1:G:100:7:3:-:`;
    await index(run, at, true, ['a', joined(1)], ['b', joined(1)]);
    expect(await redis.llen(at.waiting)).toBe(2);
    await redis.config('SET', 'maxmemory', '1mb');
    await expect(redis.set('something', 'more')).rejects.toThrow('OOM');
    expect(await run('count-listed', at.list, [])).toEqual([2, 2]);
  } finally {
    redis.disconnect();
    await server.stop();
  }
});
