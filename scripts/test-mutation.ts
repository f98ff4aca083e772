/**
 * npm run test:mutation [-- --mutants 150 --seed 1 --workers 2 --minutes 60 --seconds 600 access rates …]: for each
 * folder, a sample of small changes of its code, one at a time. Each is tried by the tests of `TESTS` that reach it, those
 * of the folder first, then the quickest, as many as take `--seconds` without it. A mutant that all of them pass has survived. `lua` has the
 * changes of `scripts/mutation/lua/`, all of them without `--mutants`.
 */
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { explanationOf } from './mutation/explained.ts';
import { addLuaMutants, addMutants, copyRepository, type Mutant } from './mutation/sandbox.ts';
import { hasFailed, type Outcome, runJest, runTrials, type Trial } from './mutation/trials.ts';

/** The tests of each folder of `src/`, and of the Lua scripts, among those of `npm test`; for `WITH_FULL` among all. */
const TESTS = {
  access: 'access/|security/(?!attack)|graphql/(conversations|messages)|gateway/words|transport/address',
  rates: 'rates/|security/(budget|cost|reads)|graphql/cost',
  domain: 'domain/|graphql/|access/sessions|webhooks/|delivery/(subscriptions|signals|topic)|rates/signals',
  delivery: 'delivery/|access/sessions|graphql/(topics|inbox|streamed-messages|positions)|transport/raw/event-frames',
  engine: 'engine/',
  lua: 'engine/',
  transport: 'transport/|delivery/subscriptions|security/(addresses|before-auth|text)|gateway/words',
} as const;
type Folder = keyof typeof TESTS;
const FOLDERS = Object.keys(TESTS) as Folder[];

/** Folders of which some parts are tried only by full tests: Sentinel, a cluster, backups, HTTP/2, restarts. */
const WITH_FULL: ReadonlySet<Folder> = new Set(['engine', 'transport']);

/** The largest share of a folder's mutants that may survive. */
const SURVIVORS = 0.15;
/** What a test file takes beside its tests. */
const FILE_MS = 500;
/** A test that failed after this time may have waited in vain for a busy machine: it runs again. */
const LONG_MS = 8_000;
const MINUTE_MS = 60_000;
/** How long a test waits for a fact: at first as little as shows most mutants, and when it failed, long enough for a busy machine. */
const PATIENCE_MS = 10_000;
const VERIFY_PATIENCE_MS = 40_000;
/** A test that notices a mutant mostly waits until its patience is over, and leaves the processor to others. */
const VERIFY_TOGETHER = 3;
/** Mutants that are tried together, and the test files that try each of them first. */
const TOGETHER = 30;
const FIRST_FILES = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mutants: { type: 'string' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '600' },
    only: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
  },
});
const workers = Number(values.workers);
const VERIFYING = {
  workers: workers * VERIFY_TOGETHER,
  end: Number.POSITIVE_INFINITY,
  patienceMs: VERIFY_PATIENCE_MS,
};
const mutantsOf = (folder: Folder): number => Number(values.mutants ?? (folder === 'lua' ? Infinity : 150));

/** Numbers from 0 to 1 that depend on the seed only (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `--only 12,15`: these mutants, such as those that survived an earlier run. The ids are those of the same code. */
function sampleOf(folder: Folder, mutants: readonly Mutant[]): Mutant[] {
  const only = values.only.split(',').filter(Boolean);
  if (only.length > 0) return mutants.filter(({ id }) => only.includes(id));
  const random = randomOf(Number(values.seed));
  return mutants
    .map((mutant) => ({ mutant, place: random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, mutantsOf(folder))
    .map(({ mutant }) => mutant);
}

/** Runs the tests without a mutant, and finds those that reach each mutant: its trials, the quickest first. */
async function trialsOf(dir: string, folder: Folder, mutants: readonly Mutant[]): Promise<Map<string, Trial[]>> {
  const reached = join(dir, 'reached.jsonl');
  const sample = join(dir, 'sample.txt');
  writeFileSync(reached, '');
  writeFileSync(sample, mutants.map(({ id }) => id).join('\n'));
  const isWithFull = WITH_FULL.has(folder) ? { MUTANT_WITH_FULL: '1' } : {};
  const variables = { MUTANT_REACHED: reached, MUTANT_SAMPLE: sample, ...isWithFull };
  const outcomes = await runJest(dir, ['--testPathPatterns', `test/(${TESTS[folder]})`], variables, () => false);
  for (const { file, tests } of outcomes) {
    for (const { name, passed } of tests) if (!passed) console.info(`  fails without a mutant: ${file} ${name}`);
  }
  const empty = outcomes.filter(({ tests }) => !tests.some(({ passed }) => passed));
  if (empty.length * 2 > outcomes.length)
    throw new Error('Most test files fail without a mutant. MUTANT_SHOW=1 shows why.');
  const byFile = new Map(outcomes.map((outcome) => [outcome.file, outcome]));
  const reaches = new Map(mutants.map(({ id }) => [id, new Map<string, Set<string>>()]));
  for (const line of readFileSync(reached, 'utf8').split('\n').filter(Boolean)) {
    const [id, file, test] = JSON.parse(line) as [string, string, string];
    const files = reaches.get(id);
    files?.set(file, (files.get(file) ?? new Set()).add(test));
  }
  return new Map([...reaches].map(([id, files]) => [id, chosenTrials(folder, id, files, byFile)]));
}

/** A mutant that is reached between tests, or in a program that they start, is tried by all tests of the file. */
function chosenTrials(
  folder: Folder,
  mutant: string,
  reached: ReadonlyMap<string, ReadonlySet<string>>,
  outcomes: ReadonlyMap<string, Outcome>,
): Trial[] {
  let left = Number(values.seconds) * 1_000;
  return [...reached]
    .map(([file, names]) => {
      const tests = outcomes.get(file)?.tests ?? [];
      const chosen = tests.filter(({ name, passed }) => passed && (names.has('') || names.has(name)));
      const ms = chosen.reduce((total, test) => total + test.ms, FILE_MS);
      const isOwn = file.startsWith(`test/${folder}/`);
      return { trial: { mutant, file, tests: chosen.map(({ name }) => name) }, isOwn, ms };
    })
    .filter(({ trial }) => trial.tests.length > 0)
    .sort((a, b) => Number(b.isOwn) - Number(a.isOwn) || a.ms - b.ms)
    .filter(({ ms }) => {
      left -= ms;
      return left > 0;
    })
    .map(({ trial }) => trial);
}

interface Tried {
  readonly mutant: Mutant;
  readonly trials: readonly Trial[];
  /** What noticed it; undefined if it survived. */
  readonly noticed?: Outcome | undefined;
}

/**
 * Tries the mutants in the order of the sample, some at a time: first by their quickest tests, which notice most of them.
 * Those that there is no time for are left out, noticed or not.
 */
async function tryMutants(
  dir: string,
  mutants: readonly Mutant[],
  trials: ReadonlyMap<string, Trial[]>,
): Promise<Tried[]> {
  const conditions = { workers, end: Date.now() + Number(values.minutes) * MINUTE_MS, patienceMs: PATIENCE_MS };
  const tried: Tried[] = [];
  for (let at = 0; at < mutants.length; at += TOGETHER) {
    const some = mutants.slice(at, at + TOGETHER);
    const planned = (mutant: Mutant): Trial[] => trials.get(mutant.id) ?? [];
    const noticed = new Map<string, Outcome>();
    const take = async (chosen: readonly Trial[]): Promise<void> => {
      const failed = (await runTrials(dir, chosen, conditions)).filter(hasFailed);
      for (const outcome of failed) noticed.set(outcome.mutant ?? '', outcome);
    };
    await take(some.flatMap((mutant) => planned(mutant).slice(0, FIRST_FILES)));
    const left = some.filter(({ id }) => !noticed.has(id));
    await take(left.flatMap((mutant) => planned(mutant).slice(FIRST_FILES)));
    if (Date.now() > conditions.end) break;
    tried.push(...some.map((mutant) => ({ mutant, trials: planned(mutant), noticed: noticed.get(mutant.id) })));
    const unnoticed = some.filter(({ id }) => !noticed.has(id));
    console.info(`  ${tried.length} tried; of the last ${some.length}, ${unnoticed.length} were not noticed`);
    for (const mutant of unnoticed) if (!explanationOf(mutant)) show(mutant, planned(mutant));
  }
  return tried;
}

function show({ id, file, line, original, replacement }: Mutant, { length }: readonly Trial[]): void {
  console.info(`  ${id} ${file}:${line} (${length} test files)\n    - ${original}\n    + ${replacement}`);
}

const failuresOf = ({ tests }: Outcome): string[] => tests.filter(({ passed }) => !passed).map(({ name }) => name);

/** What failed may fail without the mutant too, or only on a busy machine: then the mutant has survived. */
async function verify(dir: string, tried: readonly Tried[]): Promise<Tried[]> {
  const again: Trial[] = [];
  for (const { trials, noticed } of tried) {
    const trial = trials.find(({ file }) => file === noticed?.file);
    if (!noticed || !trial) continue;
    const names = failuresOf(noticed);
    const tests = names.includes('') ? trial.tests : names;
    again.push({ file: trial.file, tests, mutant: '' });
    if (noticed.tests.some(({ name, passed, ms }) => !passed && (ms > LONG_MS || name === '')))
      again.push({ ...trial, tests });
  }
  const alone = [
    ...Map.groupBy(
      again.filter(({ mutant }) => mutant === ''),
      ({ file }) => file,
    ),
  ].map(([file, same]) => ({
    file,
    tests: [...new Set(same.flatMap(({ tests }) => tests))],
    mutant: '',
  }));
  const trials = [...alone, ...again.filter(({ mutant }) => mutant !== '')];
  const outcomes = await runTrials(dir, trials, VERIFYING);
  const passes = ({ mutant, noticed }: Tried): boolean =>
    outcomes.some((outcome) => outcome.mutant === mutant.id && outcome.file === noticed?.file && !hasFailed(outcome));
  const fails = ({ noticed }: Tried): boolean =>
    outcomes.some(
      (outcome) =>
        outcome.mutant === '' &&
        outcome.file === noticed?.file &&
        failuresOf(outcome).some((name) => failuresOf(noticed).includes(name)),
    );
  const doubted = await failWithout(dir, tried.filter(fails));
  return tried.map((each) => (doubted.has(each) || passes(each) ? { ...each, noticed: undefined } : each));
}

/** Of mutants whose test fails alone: those whose test fails without them also after the tests that ran before it. */
async function failWithout(dir: string, tried: readonly Tried[]): Promise<ReadonlySet<Tried>> {
  const controls = tried.flatMap(({ mutant, trials, noticed }) =>
    trials.filter(({ file }) => file === noticed?.file).map((trial) => ({ ...trial, mutant: `without ${mutant.id}` })),
  );
  const outcomes = await runTrials(dir, controls, VERIFYING);
  const passes = ({ mutant, noticed }: Tried): boolean => {
    const control = outcomes.find((outcome) => outcome.mutant === `without ${mutant.id}`);
    const passed = control?.tests.filter((test) => test.passed).map(({ name }) => name) ?? [];
    return noticed !== undefined && failuresOf(noticed).every((name) => passed.includes(name));
  };
  return new Set(tried.filter((each) => !passes(each)));
}

/** Prints the survivors of a folder. Returns whether their share is small enough. */
function report(folder: Folder, tried: readonly Tried[], started: number): boolean {
  const survivors = tried.filter(({ noticed }) => !noticed);
  const unexplained = survivors.filter(({ mutant }) => !explanationOf(mutant));
  const seconds = ((Date.now() - started) / 1_000).toFixed(0);
  const explained = survivors.length - unexplained.length;
  console.info(`${folder}: ${survivors.length} of ${tried.length} survived (${explained} explained), ${seconds} s`);
  for (const { mutant, trials } of unexplained) show(mutant, trials);
  return survivors.length <= tried.length * SURVIVORS;
}

async function tryFolder(dir: string, folder: Folder): Promise<boolean> {
  const started = Date.now();
  copyRepository(process.cwd(), dir);
  const all = folder === 'lua' ? addLuaMutants(dir) : await addMutants(dir, folder);
  const mutants = sampleOf(folder, all);
  console.info(`${folder}: ${mutants.length} of ${all.length} mutants; the tests run once without them, in ${dir}`);
  const trials = await trialsOf(dir, folder, mutants);
  console.info(`${folder}: ${((Date.now() - started) / 1_000).toFixed(0)} s; now with each of them`);
  const tried = await tryMutants(dir, mutants, trials);
  return report(folder, await verify(dir, tried), started);
}

const unknown = positionals.filter((name) => !(name in TESTS));
if (unknown.length > 0) throw new Error(`No such folder: ${unknown.join(', ')}. There are ${FOLDERS.join(', ')}.`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.exitCode = 0;
for (const folder of FOLDERS.filter((name) => positionals.length === 0 || positionals.includes(name))) {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), `mutants-${folder}-`)));
  try {
    if (!(await tryFolder(dir, folder))) process.exitCode = 1;
  } finally {
    if (!values.keep) rmSync(dir, { recursive: true, force: true });
  }
}
