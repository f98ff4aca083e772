/**
 * One property of security, for as long as is asked: `npm run test:attack -- --minutes 30 --engine redis --seed 7`.
 *
 * A quarter of a minute of all of them, each on one engine, is part of `npm test`; half a minute on both of `npm run test:full`. Each has a test file beside this one, and so a process of its own: the services of one random history after the other fill a heap.
 */
import { readdirSync } from 'node:fs';
import { IS_FULL } from '../../faults/settings.ts';
import type { Property } from '../properties/property.ts';

export const ENGINES = ['embedded', 'redis'] as const;
const FILES = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.ts'));
const MINUTES = Number(process.env['ATTACK_MINUTES'] ?? (IS_FULL ? 0.5 : 0.25));
const SEED = Number(process.env['ATTACK_SEED'] ?? 1);
/** For what was begun within the time, at any speed of the machine: only what hangs takes longer. */
const LAST_HISTORY_MS = 900_000;

/** On these engines, or on the one that is asked for. */
export function attack({ name, run }: Property, unasked: readonly (typeof ENGINES)[number][] = ENGINES): void {
  const asked = process.env['ATTACK_ENGINE'];
  const engines = asked ? ENGINES.filter((engine) => engine === asked) : unasked;
  const eachMs = (MINUTES * 60_000) / FILES.length / engines.length;
  it.each(engines)(
    `${name}, engine %s, seed ${SEED}`,
    (engine) => run({ engine, seed: SEED, untilMs: Date.now() + eachMs }),
    eachMs + LAST_HISTORY_MS,
  );
}
