/** What is stored of messages that were sent under a key, at exact times. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import { TIMES } from '../../src/limits.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';

const HALF_MS = TIMES.idempotencyMs / 2;
/** The clock of the server, in milliseconds, for the scripts of this file. */
const clock = `outcomes-${randomUUID()}:time`;

/** Scripts for which the clock of the server shows what the key `clock` has. */
function scriptsByClock(redis: Redis): RunScript {
  const define = redis.defineCommand.bind(redis);
  const time = `(function(ms) return { math.floor(ms / 1000), ms % 1000 * 1000 } end)(redis.call('GET', '${clock}'))`;
  redis.defineCommand = (name, { lua = '', ...definition }) =>
    define(name, { ...definition, lua: lua.replaceAll("redis.call('TIME')", time) });
  return defineScripts(redis);
}

describe('the outcome of a message that was sent under a key', () => {
  let redis: Redis;
  let run: RunScript;
  let messages: string;
  let alone: string;
  let halves: string[];
  beforeAll(() => {
    redis = new Redis(sharedRedisUrl());
    run = scriptsByClock(redis);
  });
  afterAll(async () => {
    await redis.del(clock);
    redis.disconnect();
  });
  beforeEach(() => {
    const tag = `outcomes:{${randomUUID()}}`;
    messages = `${tag}:messages`;
    alone = `${tag}:alone`;
    halves = [0, 1, 2, 3].map((nth) => `${tag}:${nth}`);
  });

  const setTime = (ms: number) => redis.set(clock, ms);
  const note = (isCompact: boolean, digest = 'digest') => {
    const args = [0, 'field', digest, 'HELD', 'other.1.id', isCompact ? '1' : '0'];
    return run('note-diverted', [messages, alone, ...halves], args);
  };
  const read = (digest = 'digest') => run('read-sent', [messages, alone, ...halves], [0, 'field', digest]);
  const HELD = ['diverted', 'HELD', 'other.1.id'];

  // The halves of its time are stored apart, so it may be found in any of three.
  it.each([
    ['in a hash, at the start of a half', true, 0],
    ['in a hash, in a half', true, HALF_MS / 3],
    ['in a hash, at the end of a half', true, HALF_MS - 1],
    ['under a key of its own', false, 0],
  ])('is known for its whole time, and not longer: %s', async (_, isCompact, into) => {
    const begin = 40_000 * HALF_MS + into;
    await setTime(begin);
    expect(await read()).toBeNull();
    expect(await note(isCompact)).toBe(1);
    expect([await redis.exists(alone), await redis.exists(...halves)]).toEqual(isCompact ? [0, 1] : [1, 0]);
    for (const ms of [0, HALF_MS - 1, HALF_MS, HALF_MS + 1, TIMES.idempotencyMs - 1]) {
      await setTime(begin + ms);
      expect([ms, await read(), await read('another'), await note(isCompact)]).toEqual([ms, HELD, ['conflict'], 0]);
    }
    for (const ms of [TIMES.idempotencyMs, TIMES.idempotencyMs + 1, 4 * HALF_MS]) {
      await setTime(begin + ms);
      expect([ms, await read(), await read('another')]).toEqual([ms, null, null]);
    }
    await setTime(begin + TIMES.idempotencyMs);
    expect(await note(isCompact, 'another')).toBe(1);
    expect(await read('another')).toEqual(HELD);
  });

  it('lives no shorter in its hash than the last one of its half', async () => {
    const [first = ''] = halves;
    const begin = 40_000 * HALF_MS;
    await setTime(begin);
    await note(true);
    const isLongEnough = async () => (await redis.pttl(first)) > TIMES.idempotencyMs;
    expect(await isLongEnough()).toBe(true);
    await redis.pexpire(first, HALF_MS);
    await run('note-diverted', [messages, alone, ...halves], [0, 'later', 'digest', 'DROPPED', '', '1']);
    expect(await isLongEnough()).toBe(true);
  });

  it('of an older version has no digest, and is that of any message under the key', async () => {
    const begin = 40_000 * HALF_MS;
    await setTime(begin);
    await redis.set(alone, `HELD other.1.id:${begin + 1}`);
    expect([await read(), await read('another')]).toEqual([HELD, HELD]);
    await setTime(begin + 1);
    expect(await read()).toBeNull();
  });

  it('names a message, of which nothing may be kept any more', async () => {
    const begin = 40_000 * HALF_MS;
    await setTime(begin);
    await redis.set(alone, `7:${begin + 1_000}:digest`);
    expect(await read()).toEqual(['no-longer-kept']);
    await redis.hset(messages, 7, '"id":"x.7.y"');
    expect([await read(), await read('another')]).toEqual([['duplicate', '"id":"x.7.y"'], ['conflict']]);
  });
});
