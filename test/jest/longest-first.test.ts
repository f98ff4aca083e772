import { existsSync } from 'node:fs';
import { LONGEST } from './longest-first.ts';

it('the files that are run first exist', () => {
  expect(LONGEST.filter((name) => !existsSync(new URL(`../..${name}`, import.meta.url)))).toEqual([]);
});
