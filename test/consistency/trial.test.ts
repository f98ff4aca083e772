/** The trial of consistency: `npm run test:consistency` runs it for as long as asked, and with the fault that is asked for. */
import { trials } from './settings.ts';
import { runTrial } from './trial.ts';

/** What a trial takes to come to rest, on a machine that is busy. */
const REST_MS = 240_000;

describe('consistency', () => {
  it.each(trials(process.env))(
    'nothing lost, nothing twice, nobody deaf: $engine, $fault, seed $seed',
    async (settings) => {
      const { breaches, ...counts } = await runTrial(settings);
      if (process.env['CONSISTENCY_MINUTES']) {
        process.stdout.write(`${JSON.stringify({ ...settings, ...counts, violations: breaches.length })}\n`);
      }
      expect(breaches).toEqual([]);
      expect(counts.acknowledged).toBeGreaterThan(0);
    },
    Math.max(...trials(process.env).map(({ ms }) => ms)) + REST_MS,
  );
});
