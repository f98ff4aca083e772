/** Test files of trials run in the order of their names. All others run in the order of `npm test`. */
import type { Test } from '@jest/reporters';
import LongestFirst from '../../test/jest/longest-first.ts';

export default class InOrder extends LongestFirst {
  override sort(tests: readonly Test[]): Test[] {
    const isOfTrials = tests.some(({ path }) => path.includes('/trials/'));
    return isOfTrials ? [...tests].sort((a, b) => (a.path < b.path ? -1 : 1)) : super.sort(tests);
  }
}
