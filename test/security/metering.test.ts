/** What one may do depends on nobody else; `npm run test:attack` tries more of it. */
import { metering } from './properties/metering.ts';

it.each(['embedded', 'redis'] as const)(
  'G09, G18: limits bind the actor, %s',
  async (engine) => {
    await metering.run({ engine, seed: Number(process.env['METERING_SEED'] ?? 1), untilMs: 0 });
  },
  120_000,
);
