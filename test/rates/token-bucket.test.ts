/** The token bucket: its allowance and its debt. */

import { TokenBucket } from '../../src/rates/token-bucket.ts';
import fc from '../support/fast-check.ts';

describe('a token bucket', () => {
  const taken = (bucket: TokenBucket, now: number, count = 1): boolean => {
    if (bucket.wait(now, count) > 0) return false;
    bucket.take(count);
    return true;
  };

  it('allows its capacity at once, and then its rate', () => {
    const bucket = new TokenBucket(10, 2, 0);
    expect(taken(bucket, 0, 10)).toBe(true);
    expect(bucket.wait(0)).toBe(500);
    expect(bucket.wait(0, 4)).toBe(2_000);
    expect(taken(bucket, 1_999, 4)).toBe(false);
    expect(taken(bucket, 2_000, 4)).toBe(true);
  });

  it('allows more than its capacity when full, which is paid back before the next', () => {
    const bucket = new TokenBucket(10, 1, 0);
    expect(taken(bucket, 0, 25)).toBe(true);
    expect(bucket.wait(0)).toBe(16_000);
    expect(taken(bucket, 15_000)).toBe(false);
    expect(taken(bucket, 16_000)).toBe(true);
  });

  it('refills the same in any number of steps', () => {
    const step = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(fc.constantFrom(9, 11, 30, 60, 200), fc.array(step, { maxLength: 30 }), (perMinute, steps) => {
        const bucket = new TokenBucket(perMinute, perMinute / 60, 0);
        bucket.take(perMinute);
        let now = 0;
        for (const ms of steps) {
          now = Math.min(now + ms, 60_000);
          bucket.wait(now, perMinute);
        }
        return bucket.wait(60_000, perMinute) === 0;
      }),
    );
  });

  it('has a debt of at most ten times its capacity for use on other nodes', () => {
    const bucket = new TokenBucket(10, 10, 0);
    bucket.takeElsewhere(1_000_000, 0);
    expect(bucket.wait(0)).toBe(10_100);
  });
});
