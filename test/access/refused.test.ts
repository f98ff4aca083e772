/** `src/access/revocation.ts`: which tokens a revocation up to an instant refuses. */
import { isRefused } from '../../src/access/revocation.ts';
import { TIMES } from '../../src/limits.ts';
import type { Viewer } from '../../src/model.ts';

const REVOKED = 1_800_000_000_400;
const SECOND = 1_000;
const issued = (issuedAt: number | null) => ({ issuedAt }) as Viewer;

describe('a token', () => {
  it.each([
    ['of a user without a revocation', 0, null, false],
    ['without `iat` of such a user', null, null, false],
    ['without `iat`', null, REVOKED, true],
    ['of an earlier second', REVOKED - 400 - SECOND, REVOKED, true],
    ['of the same second', REVOKED - 400, REVOKED, true],
    ['of the next second', REVOKED - 400 + SECOND, REVOKED, false],
  ])('%s', (_, issuedAt, refusedUpTo, refused) => {
    expect(isRefused(issued(issuedAt), refusedUpTo, REVOKED + 10 * SECOND)).toBe(refused);
  });

  it('from the future may be older than it says by the skew of clocks', () => {
    const far = REVOKED + TIMES.clockToleranceMs;
    expect(isRefused(issued(far), REVOKED, REVOKED)).toBe(true);
    expect(isRefused(issued(far + SECOND), REVOKED, REVOKED)).toBe(false);
  });
});
