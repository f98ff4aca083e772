/** What a bucket gives, and what it owes. */
import { TokenBucket } from '../../src/rates/token-bucket.ts';

describe('a token bucket', () => {
  const taken = (bucket: TokenBucket, now: number, count = 1): boolean => {
    if (bucket.wait(now, count) > 0) return false;
    bucket.take(count);
    return true;
  };

  it('gives its capacity at once, and then its rate', () => {
    const bucket = new TokenBucket(10, 2, 0);
    expect(taken(bucket, 0, 10)).toBe(true);
    expect(bucket.wait(0)).toBe(500);
    expect(bucket.wait(0, 4)).toBe(2_000);
    expect(taken(bucket, 1_999, 4)).toBe(false);
    expect(taken(bucket, 2_000, 4)).toBe(true);
  });

  it('more than it holds is had from a full one, and paid back before the next', () => {
    const bucket = new TokenBucket(10, 1, 0);
    expect(taken(bucket, 0, 25)).toBe(true);
    expect(bucket.wait(0)).toBe(16_000);
    expect(taken(bucket, 15_000)).toBe(false);
    expect(taken(bucket, 16_000)).toBe(true);
  });

  it('is never owed more than ten times what it holds for what was used elsewhere', () => {
    const bucket = new TokenBucket(10, 10, 0);
    bucket.takeElsewhere(1_000_000, 0);
    expect(bucket.wait(0)).toBe(10_100);
  });
});
