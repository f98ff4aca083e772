/** The client over random histories: it shows what the service has stored (none missing, none twice, in order). */
import fc from '../support/fast-check.ts';
import { type Act, ClientHistory, type Step } from './history.ts';

const weighted = (weight: number, act: Act) => ({
  weight,
  arbitrary: fc.record({
    act: fc.constant(act),
    who: fc.nat({ max: 1 }),
    room: fc.nat({ max: 2 }),
    pick: fc.nat({ max: 1_000 }),
  }),
});
const STEP: fc.Arbitrary<Step> = fc.oneof(
  weighted(30, 'send'),
  weighted(10, 'send-many'),
  weighted(6, 'edit'),
  weighted(3, 'delete'),
  weighted(6, 'react'),
  weighted(8, 'read'),
  weighted(4, 'cut'),
  weighted(2, 'restart'),
  weighted(2, 'expire'),
  weighted(3, 'reload'),
  weighted(8, 'rest'),
);
const SEED = Number(process.env['CLIENT_SEED'] ?? 24);
const RUNS = Number(process.env['CLIENT_RUNS'] ?? 2);
const STEPS = { minLength: 250, maxLength: 300 };

describe('clients over random histories', () => {
  it('show what is stored, after any interruptions', async () => {
    for (const [index, steps] of fc
      .sample(fc.array(STEP, { ...STEPS, size: 'max' }), { seed: SEED, numRuns: RUNS })
      .entries()) {
      const history = new ClientHistory();
      try {
        await history.begin();
        for (const step of steps) await history.take(step);
        expect({ seed: SEED, index, differences: await history.differences() }).toEqual({
          seed: SEED,
          index,
          differences: [],
        });
        expect(history.messages).toBeGreaterThan(300);
      } finally {
        await history.end();
      }
    }
  });
});
