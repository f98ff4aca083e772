/**
 * No file has more than 350 lines. Biome counts only functions and lines of TypeScript code; this counts all lines,
 * also of Lua.
 */
import { globSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const MOST_LINES = 350;

const linesOf = (file: string): number => readFileSync(new URL(file, ROOT), 'utf8').trimEnd().split('\n').length;
const files = globSync('{src,client/src,console/src,test,scripts,bench,examples}/**/*.{ts,tsx,lua}', {
  cwd: ROOT,
  exclude: (name) => name === 'node_modules' || name === '__generated__',
});

it(`no file has more than ${MOST_LINES} lines`, () => {
  expect(files.length).toBeGreaterThan(500);
  const long = files.filter((file) => linesOf(file) > MOST_LINES);
  expect(long).toEqual([]);
});
