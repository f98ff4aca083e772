/** Which texts are patterns of topics. */
import { isTopicPattern } from '../../src/domain/topic-pattern.ts';

it.each([
  ['user/*/alerts', true],
  ['user.*.alerts', true],
  ['user/#', true],
  ['user/auth0%7C64f/#', true],
  ['user/auth0%zz/#', false],
  ['user.auth0%7C64f.#', false],
])('%j is a valid pattern: %s', (pattern, is) => expect(isTopicPattern(pattern)).toBe(is));
