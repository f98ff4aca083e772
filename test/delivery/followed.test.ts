/** What one user's streams follow on a node, in all. */
import { FollowCounts } from '../../src/delivery/follow-counts.ts';

describe('what the streams of a user follow', () => {
  const refused = expect.objectContaining({ code: 'BAD_USER_INPUT' });
  const attempt = (work: () => void): unknown => {
    try {
      return work();
    } catch (error) {
      return error;
    }
  };

  it('has a cap over all streams of the user', () => {
    const followed = new FollowCounts(10, 'things');
    const [one, two, other] = [followed.open('alice'), followed.open('alice'), followed.open('bob')];
    one.claim(6);
    expect(attempt(() => two.claim(5))).toEqual(refused);
    two.claim(4);
    other.claim(10);
    // What a stream follows already does not count twice.
    one.claim(6);
    expect(attempt(() => one.claim(7))).toEqual(refused);
    two.resize(0);
    one.claim(10);
    one.resize(0);
    one.resize(0);
    two.claim(10);
    expect(attempt(() => one.claim(1))).toEqual(refused);
  });

  it('may be more for the only stream of a user, as by a long list, and for no other', () => {
    const followed = new FollowCounts(10, 'things');
    const [one, two] = [followed.open('alice'), followed.open('alice')];
    one.claim(11);
    one.claim(12);
    expect(attempt(() => two.claim(1))).toEqual(refused);
    // What is joined later is never refused.
    two.resize(1);
    expect(attempt(() => one.claim(12))).toEqual(refused);
    one.resize(0);
    two.claim(10);
  });
});
