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

const parts = (text: string): string[] => text.split(/([./])/);

export function matchesTopic(pattern: string, topic: string): boolean {
  const wanted = parts(pattern);
  const given = parts(topic);
  for (let index = 0; index < wanted.length; index += 1) {
    // Anywhere else it is no pattern, and names nothing: a claim may hold any text.
    if (wanted[index] === '#') return index === wanted.length - 1;
    // `orders.#` names `orders` too.
    if (index === given.length) return wanted.length === index + 2 && wanted[index + 1] === '#';
    if (wanted[index] !== '*' && wanted[index] !== given[index]) return false;
  }
  return wanted.length === given.length;
}
