/** An explanation of a mutant is of code that there is. */
import { readFileSync } from 'node:fs';
import { EXPLAINED } from '../../scripts/mutation/explained.ts';

it.each(EXPLAINED)('$file: $code', ({ file, code, original }) => {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const lines = text.split('\n').map((line) => line.trim());
  expect(lines).toContain(code);
  const begin = original.split(/\s/, 1)[0] ?? '';
  expect(code).toContain(begin);
});
