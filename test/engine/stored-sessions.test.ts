/** How sessions are stored in Redis. */
import { randomUUID } from 'node:crypto';
import { createKeys } from '../../src/engine/redis/keys.ts';
import type { UserKeys } from '../../src/engine/redis/subject-keys.ts';
import { tenant, userId } from '../support/world.ts';
import { scriptsOnRedis } from './scripts-on-redis.ts';

const keys = createKeys(`sessions-${randomUUID().slice(0, 8)}`, 0);
const HOUR_MS = 3_600_000;

describe('the sessions of a user', () => {
  const { redis, run } = scriptsOnRedis();
  let at: UserKeys;
  beforeEach(() => {
    at = keys.user(tenant, userId(randomUUID()));
  });

  const json = (id: string, version: number): string => JSON.stringify({ id, version });
  const write = (id: string, version: number, lifeMs: number, ...forgotten: readonly string[]) =>
    run(
      'write-session',
      [at.sessions, at.sessionsMark, at.sessionsChannel],
      [id, version, json(id, version), '{"type":"session"}', lifeMs, ...forgotten],
    );
  const read = async (id: string) => ((await run('read-sessions', [at.sessions], [id])) as unknown[]).toSorted();

  it('are read singly or all together, and changed by the next version only', async () => {
    expect([await write('one', 2, HOUR_MS), await write('one', 1, HOUR_MS)]).toEqual([0, 1]);
    const mark = await redis.get(at.sessionsMark);
    expect([await write('one', 1, HOUR_MS), await write('one', 3, HOUR_MS)]).toEqual([0, 0]);
    expect(await redis.get(at.sessionsMark)).toBe(mark);
    expect([await write('one', 2, HOUR_MS), await write('two', 1, HOUR_MS)]).toEqual([1, 1]);
    expect(Number(await redis.get(at.sessionsMark))).toBeGreaterThan(Number(mark));
    expect(await read('one')).toEqual([json('one', 2)]);
    expect(await read('none')).toEqual([null]);
    expect(await read('')).toEqual([json('one', 2), json('two', 1)]);
    await write('three', 1, HOUR_MS, 'one', 'two');
    expect(await read('')).toEqual([json('three', 1)]);
  });

  it('live as long as the one that lives longest', async () => {
    const hours = async () => Math.round((await redis.pttl(at.sessions)) / HOUR_MS);
    const lives = [];
    for (const [nth, life] of [2, 5, 1].entries()) {
      await write(`${nth}`, 1, life * HOUR_MS);
      lives.push(await hours());
    }
    expect(lives).toEqual([2, 5, 5]);
  });

  it('a later instant up to which tokens are refused stays', async () => {
    const refused = [];
    for (const upTo of [1_700_000_000_123, 1_600_000_000_000, 1_700_000_000_124]) {
      await run(
        'refuse-tokens',
        [at.refusal, at.sessionsMark, at.sessionsChannel],
        [upTo, '{"type":"tokens-refused"}'],
      );
      refused.push(Number(await redis.get(at.refusal)));
    }
    expect(refused).toEqual([1_700_000_000_123, 1_700_000_000_123, 1_700_000_000_124]);
  });
});
