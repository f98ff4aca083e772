/** A short trial of consistency; `npm run test:consistency` runs one of any length, with any fault. */
import { trials } from './settings.ts';
import { runTrial } from './trial.ts';

/** The last resort against a trial that hangs: what it waits for at rest has less, see `patience.ts`. */
const REST_MS = 900_000;

describe('consistency', () => {
  it.each(trials(process.env))(
    'nothing is lost or repeated, and every stream delivers: $engine, $fault, seed $seed',
    async (settings) => {
      const { breaches, evidence, ...counts } = await runTrial(settings);
      if (process.env['CONSISTENCY_MINUTES']) {
        process.stdout.write(`${JSON.stringify({ ...settings, ...counts, violations: breaches.length })}\n`);
      }
      if (evidence.length > 0) process.stdout.write(`${evidence.join('\n')}\n`);
      expect(breaches).toEqual([]);
      expect(counts.acknowledged).toBeGreaterThan(0);
    },
    Math.max(...trials(process.env).map(({ ms }) => ms)) + REST_MS,
  );
});
