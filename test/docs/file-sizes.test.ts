/** No file is longer than 350 lines. Biome counts functions, and the lines of TypeScript that are no text; this counts all lines, also of Lua. */
import { globSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const MOST_LINES = 350;

/** Files that may be longer, each with its reason. */
const EXCUSED: Readonly<Record<string, string>> = {
  'src/engine/embedded/migrations.ts': 'A list of SQL statements in their order, which is only ever added to.',
  'src/transport/websocket/connection.ts': 'One actor: its state has one owner.',
};

const linesOf = (file: string): number => readFileSync(new URL(file, ROOT), 'utf8').trimEnd().split('\n').length;
const files = globSync('{src,client/src,console/src,test,scripts,bench,examples}/**/*.{ts,tsx,lua}', {
  cwd: ROOT,
  exclude: (name) => name === 'node_modules' || name === '__generated__',
});

it(`no file has more than ${MOST_LINES} lines, except those that are excused`, () => {
  expect(files.length).toBeGreaterThan(500);
  const long = files.filter((file) => linesOf(file) > MOST_LINES);
  expect(long.toSorted()).toEqual(Object.keys(EXCUSED).toSorted());
});
