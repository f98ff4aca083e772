/** docs/operations.md names each message that the service logs at `info` or above. */
import { readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');

/** A call of the log with its level and its last text. Texts that are put together are messages of faults or warnings. */
const CALL =
  /[lL]og\.(?:info|warn|error)\(\s*(?:(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\w+),\s*)?'((?:[^'\\]|\\.)+)',?\s*\)/g;

it('every message of the log is documented', () => {
  const files = readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const messages = new Set(
    files.flatMap((file) => [...read(`src/${file}`).matchAll(CALL)].map(([, text = '']) => text)),
  );
  expect(messages.size).toBeGreaterThan(50);
  const page = read('docs/operations.md');
  const begin = page.indexOf('\n## Log\n');
  const section = page.slice(begin, page.indexOf('\n## ', begin + 1));
  expect([...messages].filter((message) => !section.includes(`\`${message}\``)).sort()).toEqual([]);
});
