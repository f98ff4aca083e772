/** Who is dead and who sweeps it, in Redis. */
import { randomUUID } from 'node:crypto';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { scriptsOnRedis } from './scripts-on-redis.ts';

/** Longer than the test takes on any machine. */
const MINUTE_MS = 60_000;
const LEASE_MS = 60 * MINUTE_MS;
const CLAIM_MS = 10 * MINUTE_MS;

describe('a node whose lease ended', () => {
  const { redis, run } = scriptsOnRedis();

  it('is claimed by one sweeper at a time, which may go on, and by another when that one falls silent', async () => {
    const { leases, dead, sweepers } = createKeys(`dead-${randomUUID().slice(0, 8)}`, 0);
    const begin = (node: string, offset = 0) => run('renew-lease', [leases], [offset, node, LEASE_MS, 'begin']);
    const renew = (node: string, offset: number) => run('renew-lease', [leases], [offset, node, LEASE_MS, 'renew']);
    const claim = (sweeper: string, offset: number) =>
      run('claim-dead', [leases, dead, sweepers], [offset, sweeper, CLAIM_MS]);
    expect([await begin('one'), await begin('two')]).toEqual([1, 1]);
    expect(await renew('two', LEASE_MS / 2)).toBe(1);
    expect([await claim('two', LEASE_MS / 2), await redis.zcard(leases)]).toEqual([[], 2]);
    const end = LEASE_MS + 5 * MINUTE_MS;
    expect(await claim('two', end)).toEqual(['one']);
    expect([await redis.zrange(leases, '0', '-1'), await redis.smembers(dead)]).toEqual([['two'], ['one']]);
    expect(await renew('one', end)).toBe(0);
    // It asks again, which shows that it is alive.
    expect([await claim('three', end + 5 * MINUTE_MS), await claim('two', end + 5 * MINUTE_MS)]).toEqual([[], ['one']]);
    expect([await claim('three', end + 12 * MINUTE_MS), await claim('three', end + 17 * MINUTE_MS)]).toEqual([
      [],
      ['one'],
    ]);
    expect(await claim('two', end + 18 * MINUTE_MS)).toEqual([]);
  });

  it('lets one node at a time walk over the keys, for a time', async () => {
    const { walker } = createKeys(`walk-${randomUUID().slice(0, 8)}`, 0);
    const walk = (node: string) => run('claim-walk', [walker], [node, LEASE_MS]);
    expect([await walk('one'), await walk('two'), await walk('one')]).toEqual([1, 0, 1]);
    const left = await redis.pttl(walker);
    expect([left > 0, left <= LEASE_MS]).toEqual([true, true]);
  });
});
