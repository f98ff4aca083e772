/**
 * What mutated code imports: each mutant is in the code, and off. MUTANT is the id of the one that is on.
 * Without one, the mutants that a test reaches are written to the file MUTANT_REACHED.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { LUA_MUTATIONS, luaId } from './lua.ts';

const { MUTANT, MUTANT_REACHED, MUTANT_SAMPLE, MUTANT_TEST_FILE } = process.env;
const sample = new Set(MUTANT_REACHED && MUTANT_SAMPLE ? readFileSync(MUTANT_SAMPLE, 'utf8').split('\n') : []);
const known = new Set<string>();

/** The name of the function that Stryker puts before each mutant. */
export const stryMutAct_9fa48 = (id: string): boolean => id === MUTANT;

/** The name of the function that Stryker puts where mutants are reached. Programs that tests start do not know the test. */
export function stryCov_9fa48(...ids: readonly string[]): void {
  if (!MUTANT_REACHED) return;
  const { testOfMutants: test = '' } = globalThis as { testOfMutants?: string };
  for (const id of ids) {
    const line = `${JSON.stringify([id, MUTANT_TEST_FILE, test])}\n`;
    if (!sample.has(id) || known.has(line)) continue;
    known.add(line);
    appendFileSync(MUTANT_REACHED, line);
  }
}

/** Not at the start of a line: such a comment is removed with its whole line. */
const marked = (lua: string, id: string): string => lua.replace(/\s*$/, (end) => `--[[${id}]]${end}`);

/** The text of a Lua script with the mutant that is on. Without one, comments mark where mutants are. */
export function luaOf(file: string, text: string): string {
  return LUA_MUTATIONS.reduce((lua, mutation, index) => {
    const id = luaId(index);
    if (mutation.file !== file) return lua;
    if (id === MUTANT) return lua.replace(mutation.from, () => mutation.to);
    return MUTANT_REACHED ? lua.replace(mutation.from, () => marked(mutation.from, id)) : lua;
  }, text);
}

/** Runs a script, after which its mutants are reached. */
export function luaRun<Run extends (...args: never[]) => unknown>(text: string, run: Run): Run {
  const ids = [...text.matchAll(/--\[\[(lua-\d+)\]\]/g)].flatMap(([, id]) => id ?? []);
  const wrapped = (...args: Parameters<Run>): unknown => {
    stryCov_9fa48(...ids);
    return run(...args);
  };
  return ids.length > 0 ? (wrapped as Run) : run;
}
