/**
 * The properties of security, for as long as is asked: `npm run test:attack -- --minutes 30 --engine redis --seed 7`.
 *
 * Half a minute in all is part of `npm test`.
 */
import { ENGINES, findProperties } from './properties/registry.ts';

const MINUTES = Number(process.env['ATTACK_MINUTES'] ?? 0.5);
const SEED = Number(process.env['ATTACK_SEED'] ?? 1);
/** For what was begun within the time. */
const LAST_HISTORY_MS = 120_000;

const engines = ENGINES.filter((engine) => engine === (process.env['ATTACK_ENGINE'] ?? engine));
const cases = (await findProperties()).flatMap((property) => engines.map((engine) => ({ property, engine })));
const eachMs = (MINUTES * 60_000) / cases.length;

describe.each(cases)('$property.name, engine $engine', ({ property, engine }) => {
  it(
    `holds, seed ${SEED}`,
    async () => {
      await property.run({ engine, seed: SEED, untilMs: Date.now() + eachMs });
    },
    eachMs + LAST_HISTORY_MS,
  );
});
