/** Which topics a pattern names, and which patterns. */
import { coversPattern, matchesTopic } from '../../src/engine/shared/topic-match.ts';

describe('a pattern of topics', () => {
  it.each([
    ['orders.#', 'orders', true],
    ['orders.#', 'orders.1.paid', true],
    ['orders.*', 'orders.1', true],
    ['orders.*', 'orders.1.paid', false],
    ['orders/*', 'orders.1', false],
    ['#', 'anything.at/all', true],
    // Of a claim, which may hold any text: `#` is the rest at the end only.
    ['a.#.b', 'a.q.c', false],
    ['a.#.b', 'a', false],
    ['a.#.b', 'a.q.b', false],
    ['#.b', 'a.b', false],
    ['', 'a', false],
  ])('%j names %j: %s', (pattern, topic, isNamed) => expect(matchesTopic(pattern, topic)).toBe(isNamed));

  it.each([
    ['#', '#', true],
    ['#', 'user/#', true],
    ['a.#', 'a.#', true],
    ['a.#', 'a.*.c.#', true],
    ['a.#', 'a', true],
    ['a.*', 'a.*', true],
    ['a.*', 'a.b', true],
    ['a.*', 'a.#', false],
    ['a.*.#', 'a.#', false],
    ['a.b', 'a.*', false],
    ['a/*', 'a.*', false],
    ['a.*', '#', false],
    ['a.#.b', 'a.#', false],
  ])('%j covers %j: %s', (pattern, other, isCovered) => expect(coversPattern(pattern, other)).toBe(isCovered));
});
