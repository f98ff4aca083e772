/** The changelog, the version of this checkout and the first release name the same versions. */
import { readFileSync } from 'node:fs';
import { FIRST_RELEASE } from '../support/release.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const SECTIONS = [...read('CHANGELOG.md').matchAll(/^## (\S+)$/gm)].map(([, name = '']) => name);

const numbersOf = (version: string): number[] => version.split(/[.-]/).slice(0, 3).map(Number);
const isAbove = (one: string, other: string): boolean => {
  const others = numbersOf(other);
  const [difference = 0] = numbersOf(one)
    .map((each, index) => each - (others[index] ?? 0))
    .filter((each) => each !== 0);
  return difference > 0;
};

describe('the changelog', () => {
  it('begins with the version of this checkout; between releases that is a development version of the next', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    const [newest = '', before = ''] = SECTIONS;
    const expected = newest === 'Unreleased' ? /^\d+\.\d+\.\d+-dev$/ : new RegExp(`^${newest}$`);
    expect(version).toMatch(expected);
    expect([version, before, isAbove(version, before)]).toEqual([version, before, true]);
  });

  it('ends with the first release', () => {
    expect(SECTIONS.at(-1)).toBe(FIRST_RELEASE.version);
  });
});
