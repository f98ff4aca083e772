/** G16: a property over random operations; the rest of what an operation may cost is in budget.test.ts. */
import { cost } from './properties/cost.ts';

it.each([1, 2])(
  'G16: every operation stays within the budget, seed %i',
  async (seed) => {
    await cost.run({ engine: 'embedded', seed, untilMs: 0 });
  },
  120_000,
);
