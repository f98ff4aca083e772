/**
 * A trial is a test file that runs some tests of another one while a mutant is on. One run of Jest has the trials of many
 * mutants: starting Jest, and compiling the service, would take most of the time of each.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Trial {
  /** The id of the mutant; empty: none is on. */
  readonly mutant: string;
  readonly file: string;
  readonly tests: readonly string[];
}

export interface Outcome {
  readonly mutant?: string;
  readonly file: string;
  /** Only those that ran. The name is empty if the file failed outside of its tests. */
  readonly tests: readonly { readonly name: string; readonly passed: boolean; readonly ms: number }[];
}

/** Jest starts as it does for `npm test`; only what chooses tests is different. */
export const CONFIG = `import base from './jest.config.js';
const [quick, full] = base.projects;
const isOfTrials = process.env.MUTANT_TRIALS === '1';
const isWithFull = process.env.MUTANT_WITH_FULL === '1';
const tests = [...new Set([...quick.testMatch, ...(isWithFull ? full.testMatch : [])])];
export default {
  ...base,
  projects: [
    {
      ...quick,
      testEnvironment: '<rootDir>/scripts/mutation/environment.ts',
      testMatch: isOfTrials ? ['<rootDir>/trials/**/*.test.ts'] : tests,
    },
  ],
  testSequencer: '<rootDir>/scripts/mutation/order.ts',
  reporters: ['<rootDir>/scripts/mutation/reporter.ts'],
  testTimeout: isOfTrials ? 6 * Number(process.env.MUTANT_PATIENCE_MS) : base.testTimeout,
  cacheDirectory: '<rootDir>/.jest',
};
`;

/** For what tests leave behind when they are ended. Short, since Chromium puts a socket in it, whose path has at most 107 characters. */
export const TEMPORARY = '.tmp';

/** Exists once a test has noticed the mutant: then the rest of its trials do nothing. */
export const noticedMark = (dir: string, { mutant }: Trial): string => join(dir, 'trials', `noticed-${mutant}`);

/** The trial that a process runs now, and the processor time it had used by then. */
export interface SignOfLife {
  readonly trial: Trial;
  readonly cpuSeconds: number;
}
export const signPath = (dir: string, pid: number): string => join(dir, 'trials', `running-${pid}`);

/** Processor time that no single test uses: a mutant may never give a turn to others, and no timer ends that. */
const STUCK_CPU_SECONDS = 40;
const LOOK_MS = 5_000;

export interface Conditions {
  readonly workers: number;
  /** Trials that begin later have no outcome. */
  readonly end: number;
  /** How long a test waits for a fact. Most mutants are noticed by a fact that never comes true. */
  readonly patienceMs: number;
}

const isSame = (one: Trial, other: Outcome): boolean => one.mutant === other.mutant && one.file === other.file;

/** Runs the trials in their order. */
export async function runTrials(dir: string, trials: readonly Trial[], conditions: Conditions): Promise<Outcome[]> {
  const { workers, end, patienceMs } = conditions;
  const outcomes: Outcome[] = [];
  for (let left = trials; left.length > 0 && Date.now() < end; ) {
    writeTrials(dir, left);
    const stuck: Trial[] = [];
    const isOver = (): boolean => stuck.push(...stuckTrials(dir)) > 0 || Date.now() > end;
    const variables = { MUTANT_TRIALS: '1', MUTANT_PATIENCE_MS: String(patienceMs) };
    const some = await runJest(dir, [`--maxWorkers=${workers}`], variables, isOver);
    for (const { mutant, file } of stuck) some.push({ mutant, file, tests: [{ name: '', passed: false, ms: 0 }] });
    if (some.length === 0) break;
    outcomes.push(...some);
    const noticed = new Set(some.filter(hasFailed).map(({ mutant }) => mutant));
    left = left.filter((trial) => !noticed.has(trial.mutant) && !some.some((outcome) => isSame(trial, outcome)));
  }
  return outcomes;
}

export const hasFailed = ({ tests }: Outcome): boolean => tests.some(({ passed }) => !passed);

function writeTrials(dir: string, trials: readonly Trial[]): void {
  const folder = join(dir, 'trials');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [index, trial] of trials.entries()) {
    const path = join(folder, `${String(index).padStart(6, '0')}.test.ts`);
    const mark = JSON.stringify(noticedMark(dir, trial));
    const text = `import { existsSync } from 'node:fs';
if (existsSync(${mark})) it('was noticed', () => {});
else await import(${JSON.stringify(join(dir, trial.file))});
`;
    writeFileSync(path, text);
    writeFileSync(`${path}.json`, JSON.stringify(trial));
  }
}

function stuckTrials(dir: string): Trial[] {
  const names = readdirSync(join(dir, 'trials')).filter((name) => name.startsWith('running-'));
  return names.flatMap((name) => {
    const pid = Number(name.split('-')[1]);
    try {
      const { trial, cpuSeconds } = JSON.parse(readFileSync(signPath(dir, pid), 'utf8')) as SignOfLife;
      return cpuSecondsOf(pid) - cpuSeconds > STUCK_CPU_SECONDS ? trial : [];
    } catch {
      // It ended, or it writes its sign now.
      return [];
    }
  });
}

/** The processor time of a process, which `ps` shows as [days-][hours:]minutes:seconds. */
function cpuSecondsOf(pid: number): number {
  const [seconds = 0, minutes = 0, hours = 0] = execFileSync('ps', ['-o', 'time=', '-p', String(pid)], {
    encoding: 'utf8',
  })
    .trim()
    .split(':')
    .reverse()
    .map(Number);
  return (hours * 60 + minutes) * 60 + seconds;
}

/** Runs Jest in the copy of the repository until `isOver`. */
export async function runJest(
  dir: string,
  options: readonly string[],
  variables: Readonly<Record<string, string>>,
  isOver: () => boolean,
): Promise<Outcome[]> {
  const output = join(dir, 'outcomes.jsonl');
  rmSync(output, { force: true });
  // The tests of many mutants grow a process beyond the caps of a run without mutants.
  const room = {
    TEST_HEAP_MIB: '1000',
    TEST_PROCESS_MIB: '4000',
    MUTANT_OUTCOMES: output,
    TMPDIR: join(dir, TEMPORARY),
  };
  const child = spawn('scripts/jest.sh', ['quick', '--config', 'mutants.config.js', ...options], {
    cwd: dir,
    detached: true,
    stdio: ['ignore', 'ignore', process.env['MUTANT_SHOW'] ? 'inherit' : 'ignore'],
    env: { ...process.env, ...room, ...variables },
  });
  const end = (): void => endGroup(child);
  process.once('exit', end);
  const watch = setInterval(() => isOver() && end(), LOOK_MS);
  await once(child, 'exit');
  clearInterval(watch);
  process.off('exit', end);
  const lines = existsSync(output) ? readFileSync(output, 'utf8').split('\n').filter(Boolean) : [];
  return lines.map((line) => JSON.parse(line) as Outcome);
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
