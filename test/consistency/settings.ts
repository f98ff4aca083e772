/** The settings of a trial: `scripts/test-consistency.sh` sets them; by default each engine has a short one. */
import { FAULTS, type FaultName } from './faults.ts';

export type TrialEngine = 'embedded' | 'redis' | 'cluster';

export interface TrialSettings {
  readonly engine: TrialEngine;
  readonly fault: FaultName;
  readonly seed: number;
  readonly ms: number;
}

/** Of the trial that each full run has. */
const SHORT_SEED = 2711;
const SHORT_MS = 8_000;
const ENGINES: readonly TrialEngine[] = ['embedded', 'redis', 'cluster'];

function among<Name extends string>(names: readonly Name[], given: string, what: string): Name {
  const name = names.find((each) => each === given);
  if (name === undefined) throw new Error(`--${what} is one of ${names.join(', ')}.`);
  return name;
}

export function trials(env: NodeJS.ProcessEnv): TrialSettings[] {
  const { CONSISTENCY_ENGINE: engine, CONSISTENCY_FAULT: fault, CONSISTENCY_SEED, CONSISTENCY_MINUTES } = env;
  const isShort = CONSISTENCY_MINUTES === undefined;
  const seed = Number(CONSISTENCY_SEED ?? (isShort ? SHORT_SEED : Date.now() % 1_000_000));
  const ms = isShort ? SHORT_MS : Number(CONSISTENCY_MINUTES) * 60_000;
  if (engine === undefined && fault === undefined) {
    return [
      { engine: 'embedded', fault: 'node-kill', seed, ms },
      { engine: 'redis', fault: 'mixed-lossy', seed, ms },
    ];
  }
  const names = Object.keys(FAULTS) as FaultName[];
  const chosen = {
    engine: among(ENGINES, engine ?? 'redis', 'engine'),
    fault: among(names, fault ?? 'mixed', 'fault'),
  };
  const { engines } = FAULTS[chosen.fault];
  if (!engines.includes(chosen.engine)) throw new Error(`${chosen.fault} is a fault of ${engines.join(', ')} only.`);
  return [{ ...chosen, seed, ms }];
}
