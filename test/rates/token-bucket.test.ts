/** The token bucket: its allowance and its debt. */

import { TokenBucket, takeAll, waitForAll } from '../../src/rates/token-bucket.ts';
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

  it('a token may be given back, up to its capacity', () => {
    const bucket = new TokenBucket(3, 1, 0);
    bucket.take(2);
    bucket.give();
    expect(bucket.wait(0, 2)).toBe(0);
    expect(bucket.wait(0, 3)).toBe(1_000);
    bucket.give();
    bucket.give();
    bucket.take(3);
    expect(bucket.wait(0)).toBe(1_000);
  });

  it('a debt of other nodes comes after what the time has brought', () => {
    const bucket = new TokenBucket(10, 10, 0);
    bucket.take(10);
    bucket.takeElsewhere(5, 500);
    expect(bucket.wait(500)).toBe(100);
  });

  it('a clock that goes back brings and takes no token', () => {
    const bucket = new TokenBucket(10, 10, 1_000);
    bucket.take(10);
    expect(bucket.wait(0)).toBe(100);
    expect(bucket.wait(100)).toBe(0);
  });

  it('of several, a token of each is taken, or none', () => {
    const [few, many] = [new TokenBucket(1, 1, 0), new TokenBucket(5, 1, 0)];
    expect(takeAll([], 0)).toBe(0);
    expect(takeAll([few, many], 0)).toBe(0);
    expect(takeAll([many, few], 0)).toBe(1_000);
    expect(many.wait(0, 4)).toBe(0);
    many.take(6);
    expect(waitForAll([few, many], 0)).toBe(3_000);
    expect(waitForAll([many, few], 2_500)).toBe(500);
  });
});
