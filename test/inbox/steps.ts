/** Random histories. */
import fc from '../support/fast-check.ts';
import { PLACES, type Step, type WEIGHTS } from './history.ts';

export const stepsOf = (weights: typeof WEIGHTS): fc.Arbitrary<Step[]> => {
  const steps = weights.map(([act, weight]) => ({
    weight,
    arbitrary: fc.record({
      act: fc.constant(act),
      at: fc.nat({ max: PLACES - 1 }),
      isOwn: fc.boolean(),
      node: fc.nat({ max: 1 }),
    }),
  }));
  return fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 60, size: 'max' });
};
