/** A copy of the repository with all mutants of a folder in its code, each of them off. */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { LUA_MUTATIONS, luaId } from './lua.ts';
import { CONFIG, TEMPORARY } from './trials.ts';

export interface Mutant {
  readonly id: string;
  readonly file: string;
  readonly line: number;
  /** The line of code in which it begins. */
  readonly code: string;
  /** The code that it replaces. */
  readonly original: string;
  readonly replacement: string;
}

interface Position {
  readonly line: number;
  readonly column: number;
}
interface Instrumented {
  readonly files: readonly { readonly name: string; readonly content: string }[];
  readonly mutants: readonly {
    readonly id: string;
    readonly fileName: string;
    readonly replacement: string;
    /** Of an excluded kind, it is listed and not in the code. */
    readonly status?: 'Ignored';
    readonly location: { readonly start: Position; readonly end: Position };
  }[];
}
/** Stryker is installed by `npm run test:mutation`, not when types are checked. */
interface Stryker {
  readonly Instrumenter: new (
    logger: object,
  ) => {
    instrument(files: readonly object[], options: object): Promise<Instrumented>;
  };
}
const STRYKER: string = '@stryker-mutator/instrumenter';
const SWITCH = 'scripts/mutation/switch.ts';

/** How long tests wait for a fact. Most mutants are noticed by a fact that never comes true. */
const PATIENCE = /(PATIENCE_MS =) ([\d_]+)/;
const SHORT_PATIENCE = "$1 Number(process.env['MUTANT_PATIENCE_MS'] ?? $2)";

export function copyRepository(root: string, dir: string): void {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' });
  for (const file of files.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    cpSync(join(root, file), join(dir, file));
  }
  for (const modules of globSync('{.,*,examples/*}/node_modules', { cwd: root })) {
    symlinkSync(join(root, modules), join(dir, modules));
  }
  const patience = join(dir, 'test/support/eventually.ts');
  writeFileSync(patience, readFileSync(patience, 'utf8').replace(PATIENCE, SHORT_PATIENCE));
  mkdirSync(join(dir, TEMPORARY));
  writeFileSync(join(dir, 'mutants.config.js'), CONFIG);
}

/** Puts the mutants into the copy; returns them in the order of the files. */
export async function addMutants(dir: string, folder: string): Promise<readonly Mutant[]> {
  const { Instrumenter } = (await import(STRYKER)) as Stryker;
  const silent = { debug() {}, info() {}, warn() {}, isDebugEnabled: () => false };
  const texts = new Map(
    globSync(`src/${folder}/**/*.ts`, { cwd: dir })
      .sort()
      .map((file) => [file, readFileSync(join(dir, file), 'utf8')]),
  );
  const sources = [...texts].map(([name, content]) => ({ name, content, mutate: true }));
  const { files, mutants } = await new Instrumenter(silent).instrument(sources, {
    plugins: null,
    ignorers: [],
    noHeader: true,
    // Most strings are texts of messages, which tests deliberately do not repeat. Some changes of patterns do not compile.
    excludedMutations: ['StringLiteral', 'Regex'],
  });
  for (const { name, content } of files) {
    const from = relative(dirname(name), SWITCH);
    writeFileSync(join(dir, name), `import { stryCov_9fa48, stryMutAct_9fa48 } from '${from}';\n${content}`);
  }
  const placed = mutants.filter(({ status }) => status !== 'Ignored');
  return placed.map(({ id, fileName: file, replacement, location: { start, end } }) => ({
    id,
    file,
    line: start.line + 1,
    code: lineAt(texts.get(file) ?? '', start.line),
    original: textBetween(texts.get(file) ?? '', start, end),
    replacement,
  }));
}

const lineAt = (text: string, index: number): string => text.split('\n')[index]?.trim() ?? '';

function textBetween(text: string, start: Position, end: Position): string {
  const lines = text.split('\n').slice(start.line, end.line + 1);
  const last = lines.length - 1;
  lines[last] = lines[last]?.slice(0, end.column) ?? '';
  lines[0] = lines[0]?.slice(start.column) ?? '';
  return lines.join('\n');
}

const LUA = 'src/engine/redis/lua';
const LOADER = 'src/engine/redis/scripts.ts';
/** Where scripts are read, defined and run. */
const LOADING = [
  [/readFileSync\(new URL\(.*\), 'utf8'\)/, 'luaOf(name, $&)'],
  [
    /client\.defineCommand\(command, \{ lua: (linked\(.*\)) \}\);/,
    'const text = $1;\nclient.defineCommand(command, { lua: text });',
  ],
  [/run\.bind\(client\)/, 'luaRun(text, $&)'],
] as const;

/** The same for the list of changes of Lua. */
export function addLuaMutants(dir: string): readonly Mutant[] {
  let loader = readFileSync(join(dir, LOADER), 'utf8');
  for (const [place, change] of LOADING) {
    if (!place.test(loader)) throw new Error(`${LOADER} has no ${place}.`);
    loader = loader.replace(place, change);
  }
  const from = relative(dirname(LOADER), SWITCH);
  writeFileSync(join(dir, LOADER), `import { luaOf, luaRun } from '${from}';\n${loader}`);
  return LUA_MUTATIONS.flatMap(({ file: name, from: original, to: replacement }, index) => {
    const file = `${LUA}/${name}.lua`;
    const text = readFileSync(join(dir, file), 'utf8');
    const parts = text.split(original);
    if (parts.length !== 2) {
      console.info(`  ${file} has changed: it has not one ${original}, but ${parts.length - 1}`);
      return [];
    }
    const line = parts[0]?.split('\n').length ?? 0;
    return { id: luaId(index), file, line, code: lineAt(text, line - 1), original, replacement };
  });
}
