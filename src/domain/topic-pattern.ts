/**
 * Patterns of topics, as claims of tokens and routing rules name them.
 *
 * A topic has segments between `.` and `/`. `*` stands for one segment, `#` at the
 * end for all that follow, none included: `orders.#` names `orders` and `orders.1.paid`.
 */
import { LIMITS } from '../limits.ts';
import { faultOfOwner } from './topic-name.ts';

const SHAPE = /^(?:#|(?:[A-Za-z0-9_:@%-]+|\*)(?:[./](?:[A-Za-z0-9_:@%-]+|\*))*(?:[./]#)?)$/;

export function isTopicPattern(pattern: string): boolean {
  return pattern.length <= LIMITS.topicCharacters && SHAPE.test(pattern) && faultOfOwner(pattern) === null;
}
