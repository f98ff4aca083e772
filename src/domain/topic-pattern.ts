/**
 * Patterns of topics, as claims of tokens and routing rules contain them.
 *
 * `.` and `/` separate the segments of a topic. `*` matches one segment; `#` at the end matches any number, also none:
 * `orders.#` matches `orders` and `orders.1.paid`.
 */
import { LIMITS } from '../limits.ts';
import { faultOfOwner } from './topic-name.ts';

const SHAPE = /^(?:#|(?:[A-Za-z0-9_:@%-]+|\*)(?:[./](?:[A-Za-z0-9_:@%-]+|\*))*(?:[./]#)?)$/;

export function isTopicPattern(pattern: string): boolean {
  return pattern.length <= LIMITS.topicCharacters && SHAPE.test(pattern) && faultOfOwner(pattern) === null;
}
