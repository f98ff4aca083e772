/** The steps of a random history of streamed texts. */

import { LIMITS } from '../../src/limits.ts';
import fc from '../support/fast-check.ts';

const EDGE = LIMITS.writtenPartCharacters;
/** Of one code point and two units, of a mark that combines with what is before it, of space alone, longer than a part. */
const BITS = ['a', ' word', '\u{1F389}', '\u0301', '\r\n', '\t ', '"\\', '\u6F22'.repeat(EDGE + 3)];

const which = fc.nat({ max: 5 });
const bit = fc.constantFrom(...BITS);
const node = fc.nat({ max: 1 });
const kind = <Type extends string, More extends object>(
  weight: number,
  type: Type,
  more: { [Key in keyof More]: fc.Arbitrary<More[Key]> },
) => ({
  weight,
  arbitrary: fc.record({ type: fc.constant(type), ...more }) as unknown as fc.Arbitrary<{ readonly type: Type } & More>,
});

export const STEP = fc.oneof(
  kind(4, 'start', { which, node, bit: fc.option(bit, { nil: '' }) }),
  kind(12, 'append', { which, node, bit, hasPayload: fc.boolean() }),
  // As a writer does whose reply was lost.
  kind(3, 'again', { which, node, back: fc.nat({ max: 9 }) }),
  kind(2, 'misplace', { which, node, by: fc.integer({ min: 1, max: 4 }) }),
  kind(3, 'finish', { which, node, state: fc.constantFrom('COMPLETE' as const, 'ABORTED' as const) }),
  kind(2, 'replace', { which, node, keeps: fc.nat({ max: 3 }), bit }),
  kind(1, 'delete', { which, node }),
  kind(1, 'silence', {}),
  kind(4, 'open', { node, isNamed: fc.boolean(), meanwhile: fc.constantFrom('append', 'finish', 'start') }),
  kind(2, 'close', { which }),
  // A reader who does not keep up, and does again.
  kind(4, 'lag', { which }),
  kind(3, 'room', { which }),
  kind(2, 'remove', { node }),
  kind(3, 'add', { node }),
  // One announcement of text is lost, and nothing says so.
  kind(4, 'lose', { node }),
  // Something is written while the bus is away, and ends perhaps.
  kind(4, 'limp', { which, node, bit, ends: fc.boolean(), turns: fc.nat({ max: 4 }), later: fc.nat({ max: 14 }) }),
  kind(3, 'cut', { node }),
  kind(4, 'heal', { node }),
  kind(3, 'fail', { node, count: fc.integer({ min: 1, max: 4 }) }),
  // Answers are as old as so many turns when they come.
  kind(3, 'slow', { node, turns: fc.nat({ max: 4 }) }),
  kind(6, 'turn', {}),
  kind(6, 'merge', {}),
);
export type Step = typeof STEP extends fc.Arbitrary<infer Value> ? Value : never;
