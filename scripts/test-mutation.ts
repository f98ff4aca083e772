/**
 * npm run test:mutation [-- --lines 300 --seed 1 --workers 1 access rates …]: changes random lines of each folder, one
 * at a time, and runs the tests of that folder. A mutant that every test passes has survived: no test noticed it.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** The tests of each folder, in steps: a mutant that fails in a quick step never reaches the slow one. */
const TESTS = {
  access: [
    'test/access/(bad-tokens|issuers|jwks|origins|sessions)',
    'test/(graphql/(conversations|messages)|access/|security/(rights|revocation|promises))',
  ],
  rates: [
    'test/rates/(meters|token-bucket|classes|shared)',
    'test/(rates/(held|rate-limits|signals|strangers)|security/(budget|reads))',
  ],
  domain: [
    'test/graphql/(messages|conversations|emoji|pages|positions|topics|topic-pattern)',
    'test/graphql/(model|user-ids|routing-rules|routed|streamed|topic-policy|walks)',
  ],
  delivery: ['test/delivery/(subscriptions|resumes|waiting)', 'test/delivery'],
  engine: ['test/engine/embedded', 'test/engine/(redis.test|memberships|departures)'],
  transport: ['test/transport/(graphql-ws|http|connection)', 'test/transport'],
} as const;
type Folder = keyof typeof TESTS;
const FOLDERS = Object.keys(TESTS) as Folder[];

/** The largest share of a folder's mutants that may survive. */
const SURVIVORS = 0.15;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lines: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
  },
});

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

/** Lines that can be mutated: no comments, imports, types and closing brackets. */
const isCode = (line: string): boolean =>
  /\w/.test(line) && !/^\s*(\/\/|\/?\*|import\b|(export )?(type|interface)\b|readonly\b|\w+\??: \w+;$)/.test(line);

/** Ranges of Stryker, `file:line-line`, chosen by the seed. */
function sampleOf(folder: Folder, count: number, random: () => number): string[] {
  const lines = globSync(`src/${folder}/**/*.ts`)
    .sort()
    .flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line, index) => (isCode(line) ? [`${file}:${index + 1}-${index + 1}`] : [])),
    );
  return lines
    .map((range) => ({ range, place: random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ range }) => range);
}

interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}
interface Mutant {
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly location: { readonly start: { readonly line: number } };
}

/** Runs the sample of a folder and prints its survivors. Returns whether their share is small enough. */
function tryFolder(folder: Folder, scratch: string): boolean {
  const report = join(scratch, `${folder}.json`);
  const config = join(scratch, `${folder}.config.json`);
  const jest = 'scripts/jest.sh quick --silent --bail --maxWorkers=1 --testPathPatterns';
  const settings = {
    testRunner: 'command',
    commandRunner: { command: TESTS[folder].map((tests) => `${jest} '${tests}'`).join(' && ') },
    mutate: sampleOf(folder, Number(values.lines), randomOf(Number(values.seed))),
    concurrency: Number(values.workers),
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: report },
    tempDirName: join(scratch, 'sandboxes'),
    ignorePatterns: ['bench', 'data', 'dist', 'scripts/mutation'],
    // Most strings are texts of messages, which tests deliberately do not repeat.
    mutator: { excludedMutations: ['StringLiteral'] },
    timeoutMS: 120_000,
    // Stryker reads tsconfig files by an interface that TypeScript 7 no longer has. Nothing here is compiled by it.
    tsconfigFile: 'none',
    allowConsoleColors: false,
  };
  writeFileSync(config, JSON.stringify(settings));
  const stryker = 'scripts/mutation/node_modules/@stryker-mutator/core/bin/stryker.js';
  const { status } = spawnSync(process.execPath, [stryker, 'run', config], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`Stryker ended with ${status}`);
  const { files } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const mutants = Object.entries(files).flatMap(([file, { mutants: all }]) => all.map((each) => ({ file, ...each })));
  const tried = mutants.filter(({ status: outcome }) => ['Killed', 'Timeout', 'Survived'].includes(outcome));
  const survivors = tried.filter(({ status: outcome }) => outcome === 'Survived');
  console.info(`${folder}: ${survivors.length} of ${tried.length} survived`);
  for (const { file, location, mutatorName, replacement } of survivors) {
    console.info(`  ${file}:${location.start.line} ${mutatorName} ${replacement ?? ''}`);
  }
  return survivors.length <= tried.length * SURVIVORS;
}

const unknown = positionals.filter((name) => !(name in TESTS));
if (unknown.length > 0) throw new Error(`No such folder: ${unknown.join(', ')}. There are ${FOLDERS.join(', ')}.`);
const scratch = mkdtempSync(join(tmpdir(), 'realtime-mutation-'));
try {
  const chosen = FOLDERS.filter((folder) => positionals.length === 0 || positionals.includes(folder));
  const passed = chosen.map((folder) => tryFolder(folder, scratch));
  process.exitCode = passed.every(Boolean) ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
