/** The outbox over random histories of tabs that close, clocks that jump and a disk that fails. */
import fc from '../support/fast-check.ts';
import { type OutboxAct, OutboxHistory, type OutboxStep } from './outbox-history.ts';

const weighted = (weight: number, act: OutboxAct) => ({
  weight,
  arbitrary: fc.record({
    act: fc.constant(act),
    tab: fc.nat({ max: 1 }),
    room: fc.nat({ max: 1 }),
    pick: fc.nat({ max: 1_000 }),
  }),
});
const STEP: fc.Arbitrary<OutboxStep> = fc.oneof(
  weighted(30, 'write'),
  weighted(6, 'write-many'),
  weighted(6, 'close'),
  weighted(6, 'reload'),
  weighted(4, 'cut'),
  weighted(3, 'lose-answers'),
  weighted(2, 'down'),
  weighted(4, 'up'),
  weighted(3, 'pass'),
  weighted(3, 'sleep'),
  weighted(3, 'jump'),
  weighted(4, 'disk'),
  weighted(4, 'rest'),
);
const SEED = Number(process.env['CLIENT_SEED'] ?? 24);
const RUNS = Number(process.env['CLIENT_RUNS'] ?? 2);
const STEPS = { minLength: 100, maxLength: 120 };

describe('the outbox over random histories', () => {
  it.each(
    fc
      .sample(fc.array(STEP, { ...STEPS, size: 'max' }), { seed: SEED, numRuns: RUNS })
      .map((steps, index) => [index, steps] as const),
  )('sends what it kept once and in order: history %i', async (_, steps) => {
    const history = new OutboxHistory();
    try {
      await history.begin();
      for (const step of steps) await history.take(step);
      expect(await history.differences()).toEqual([]);
    } finally {
      await history.end();
    }
  });
});
